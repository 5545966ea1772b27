//! CESU-8, the UTF-8 of Pomelo's browser client: an emoji is two surrogates of three bytes each.

use std::borrow::Cow;

/// Converts a client's JSON to UTF-8: surrogate pairs become the character that they encode, other
/// invalid bytes become U+FFFD, as in Node.js.
pub fn to_utf8(json: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(json).is_ok() {
        return Cow::Borrowed(json);
    }
    let mut bytes = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (
                0xed,
                [a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d @ 0x80..=0xbf, behind @ ..],
            ) => {
                let ten_bits = |high: u8, low: u8| u32::from(high & 0x0f) << 6 | u32::from(low & 0x3f);
                let code = 0x1_0000 + (ten_bits(*a, *b) << 10 | ten_bits(*c, *d));
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
            _ => bytes.push(*first),
        }
    }
    match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(_) => Cow::Owned(bytes),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_become_characters_and_the_rest_is_replaced() {
        let cases: [(&[u8], &str); 6] = [
            (b"plain", "plain"),
            ("测试😀".as_bytes(), "测试😀"),
            (b"a\xed\xa0\xbd\xed\xb8\x80b", "a😀b"),
            (b"\xed\xa0\xbd\xed\xb8\x80\xed\xa0\xbd\xed\xb8\x80", "😀😀"),
            // Half a pair, a pair cut short, and no UTF-8 at all.
            (b"\xed\xa0\xbd!", "\u{fffd}\u{fffd}\u{fffd}!"),
            (b"\xff\xed\xa0\xbd\xed", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(String::from_utf8_lossy(&to_utf8(bytes)), text, "{bytes:x?}");
        }
    }
}
