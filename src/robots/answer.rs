//! Answers of servers.

use serde::Deserialize;

/// The answer to a login step. The room's member list is not read.
#[derive(Deserialize)]
pub(super) struct Answer {
    code: Option<u64>,
    /// Where to connect next, from a gate.
    pub(super) host: Option<String>,
    /// Where to connect next, from a gate.
    pub(super) port: Option<u16>,
}

impl Answer {
    /// The answer, or the reason of a refusal.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let answer: Answer = serde_json::from_slice(body).map_err(|_| "no JSON object".to_owned())?;
        match answer.code {
            None | Some(200) => Ok(answer),
            Some(code) => Err(code.to_string()),
        }
    }
}

/// The code with which an answer refuses a message, if it does.
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    if body == b"{}" {
        return None;
    }
    Answer::read(body).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_refuses_by_its_code() {
        for fine in ["{}", r#"{"route":"onChat"}"#, r#"{"code":200}"#, r#"{"users":["a"]}"#] {
            assert_eq!(refusal(fine.as_bytes()), None, "{fine}");
        }
        for (body, why) in
            [(r#"{"code":500,"error":true}"#, "500"), ("", "no JSON object"), ("[", "no JSON object")]
        {
            assert_eq!(refusal(body.as_bytes()).as_deref(), Some(why), "{body}");
        }
        let gate = Answer::read(br#"{"code":200,"host":"127.0.0.1","port":3050}"#).expect("an address");
        assert_eq!((gate.host.as_deref(), gate.port), (Some("127.0.0.1"), Some(3050)));
    }
}
