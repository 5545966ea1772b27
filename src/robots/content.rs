//! Contents of robots' messages: each carries its sender, its number and its intended time.
//!
//! `robot:17:204:1503778211:xxxx…`: prefix, member, message number, and the intended time in
//! nanoseconds of the run, padded to the plan's length. A receiver needs no table to identify a
//! message and compute its latency.

use crate::time::Time;

/// Writes and recognizes contents.
#[derive(Debug)]
pub(super) struct Contents {
    /// The start of a robot's push on any server that keeps the tutorial's field order:
    /// `{"msg":"robot:`.
    opening: Vec<u8>,
    bytes: usize,
}

/// The start of a push's body in the tutorial.
const MSG: &[u8] = br#"{"msg":""#;

/// The origin of a push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Sent by a robot.
    Ours {
        /// Its member index.
        member: usize,
        /// The number among its messages.
        number: u32,
        /// Its intended time.
        intended: Time,
    },
    /// It starts like a robot's content but is malformed.
    Wrong,
    /// Sent by someone else.
    Others,
}

impl Contents {
    /// Contents with this prefix and minimum length in bytes.
    pub(super) fn new(prefix: &str, bytes: usize) -> Self {
        Self { opening: [MSG, prefix.as_bytes(), b":"].concat(), bytes }
    }

    /// Appends a content.
    pub(super) fn write(&self, out: &mut Vec<u8>, member: usize, number: u32, intended: Time) {
        let start = out.len();
        out.extend_from_slice(self.marker());
        for part in [member as u64, u64::from(number), intended.as_nanos()] {
            decimal(out, part);
            out.push(b':');
        }
        out.resize(out.len().max(start + self.bytes), b'x');
    }

    /// Recognizes the body of an `onChat` push. Not a JSON reader: robots write nothing that JSON
    /// escapes.
    pub(super) fn read(&self, body: &[u8]) -> Found {
        if let Some(rest) = body.strip_prefix(&*self.opening) {
            return numbers(rest).unwrap_or(Found::Wrong);
        }
        // A server may put the fields in another order.
        let key = &MSG[1..];
        let Some(at) = body.windows(key.len()).position(|window| window == key) else { return Found::Others };
        match body[at + key.len()..].strip_prefix(self.marker()) {
            Some(rest) => numbers(rest).unwrap_or(Found::Wrong),
            None => Found::Others,
        }
    }

    fn marker(&self) -> &[u8] {
        &self.opening[MSG.len()..]
    }
}

fn numbers(mut rest: &[u8]) -> Option<Found> {
    let member = usize::try_from(take(&mut rest)?).ok()?;
    let number = u32::try_from(take(&mut rest)?).ok()?;
    let intended = Time::from_nanos(take(&mut rest)?);
    Some(Found::Ours { member, number, intended })
}

/// Takes decimal digits and the colon after them.
fn take(rest: &mut &[u8]) -> Option<u64> {
    /// Limited to a number of digits that cannot overflow.
    const DIGITS_MAX: usize = 19;
    let mut value = 0;
    for (index, byte) in rest.iter().take(DIGITS_MAX + 1).enumerate() {
        match byte {
            b'0'..=b'9' if index < DIGITS_MAX => value = value * 10 + u64::from(byte - b'0'),
            b':' if index > 0 => {
                *rest = &rest[index + 1..];
                return Some(value);
            }
            _ => return None,
        }
    }
    None
}

/// Appends a number in decimal digits.
pub(super) fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_recognized_and_nothing_else() {
        let contents = Contents::new("robot", 64);
        for (member, number, nanos) in
            [(0, 1, 0), (17, 204, 1_503_778_211), (999_999, u32::MAX, u64::MAX / 2)]
        {
            let intended = Time::from_nanos(nanos);
            let mut content = Vec::new();
            contents.write(&mut content, member, number, intended);
            assert_eq!(content.len(), 64);
            let text = String::from_utf8(content).expect("plain text");
            let ours = Found::Ours { member, number, intended };
            for body in [
                format!(r#"{{"msg":"{text}","from":"robot-1","target":"*"}}"#),
                format!(r#"{{"route":"onChat","msg":"{text}"}}"#),
            ] {
                assert_eq!(contents.read(body.as_bytes()), ours, "{body}");
            }
        }
        for (body, found) in [
            (r#"{"msg":"hello","from":"alice","target":"*"}"#, Found::Others),
            (r#"{"msg":"robots:1:2:3:"}"#, Found::Others),
            (r#"{"from":"robot:1:2:3:"}"#, Found::Others),
            ("", Found::Others),
            (r#"{"msg":"robot:1:2:"}"#, Found::Wrong),
            (r#"{"msg":"robot:1::3:"}"#, Found::Wrong),
            (r#"{"msg":"robot:1:-2:3:"}"#, Found::Wrong),
            (r#"{"msg":"robot:1:4294967296:3:"}"#, Found::Wrong),
            (r#"{"msg":"robot:1:2:99999999999999999999:"}"#, Found::Wrong),
            (r#"{"msg":"robot:1:2:3"#, Found::Wrong),
        ] {
            assert_eq!(contents.read(body.as_bytes()), found, "{body}");
        }
    }

    #[test]
    fn a_short_payload_still_says_what_it_is() {
        let mut content = Vec::new();
        Contents::new("a", 0).write(&mut content, 1, 2, Time::from_nanos(3));
        assert_eq!(content, b"a:1:2:3:");
    }
}
