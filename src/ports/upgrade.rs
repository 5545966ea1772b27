//! The HTTP request that opens a WebSocket (RFC 6455, 4.2), and its answer.

use tungstenite::handshake::derive_accept_key;

/// Longest request head, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Most headers that a request may have.
const HEADERS_MAX: usize = 64;

/// The result of the bytes so far.
pub(super) enum Upgrade {
    /// The head is not complete.
    Partial,
    /// A WebSocket: send `answer`; WebSocket frames follow the first `head_bytes` bytes.
    Accepted { answer: String, head_bytes: usize },
    /// Something else: send `answer` and close.
    Refused { answer: String },
}

/// Reads a request head, all that has arrived of it. Any path and origin is accepted, as in Pomelo.
pub(super) fn upgrade(head: &[u8]) -> Upgrade {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    // Bytes after the longest head are not parsed, so that the answer is the same however the bytes
    // were split.
    let head_bytes = match request.parse(&head[..head.len().min(HEAD_BYTES_MAX)]) {
        Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
        Ok(httparse::Status::Partial) if head.len() < HEAD_BYTES_MAX => return Upgrade::Partial,
        Ok(_) => return refuse("431 Request Header Fields Too Large", "", "the request's head is too long"),
        Err(error) => return refuse("400 Bad Request", "", &format!("not an HTTP request: {error}")),
    };
    // A header may occur several times, each with a part of the list.
    let headers = |name: &'static str| {
        let named = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.filter_map(|header| std::str::from_utf8(header.value).ok())
    };
    let header = |name| headers(name).next().unwrap_or("");
    let lists = |name, wanted: &str| {
        headers(name).flat_map(|list| list.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    let wants_websocket = lists("upgrade", "websocket") && lists("connection", "upgrade");
    let key = header("sec-websocket-key");
    if request.method != Some("GET") || !wants_websocket || key.is_empty() {
        let why = "this port speaks Pomelo's protocol, over WebSocket or raw TCP";
        return refuse("426 Upgrade Required", "Upgrade: websocket\r\n", why);
    }
    if !matches!(header("sec-websocket-version"), "13" | "8") {
        return refuse("400 Bad Request", "Sec-WebSocket-Version: 13\r\n", "expected WebSocket version 13");
    }
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    );
    // Chooses the first sub-protocol that is offered. It cannot inject a header: httparse allows no
    // line break in a value.
    if let Some(protocol) =
        header("sec-websocket-protocol").split(',').map(str::trim).find(|name| !name.is_empty())
    {
        answer.push_str(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"));
    }
    answer.push_str("\r\n");
    Upgrade::Accepted { answer, head_bytes }
}

fn refuse(status: &str, headers: &str, why: &str) -> Upgrade {
    let answer = format!(
        "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{why}\n",
        why.len() + 1
    );
    Upgrade::Refused { answer }
}
