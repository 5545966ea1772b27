//! Splits a path and a query into decoded texts. Pure.

use percent_encoding::percent_decode_str;

use super::refusal::Refusal;

/// The decoded parts between slashes, without the empty one before the first slash.
///
/// # Errors
/// A part is not UTF-8.
pub(super) fn parts(path: &str) -> Result<Vec<String>, Refusal> {
    path.strip_prefix('/').unwrap_or(path).split('/').map(|part| text(part, "path")).collect()
}

/// The pairs of a query in order, decoded as HTML forms are: a plus is a space.
///
/// # Errors
/// A name or a value is not UTF-8.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let read = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((text(&key.replace('+', " "), "query")?, text(&value.replace('+', " "), "query")?))
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(read).collect()
}

fn text(encoded: &str, what: &str) -> Result<String, Refusal> {
    match percent_decode_str(encoded).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Refusal::bad(format!("{what}: expected UTF-8 behind the percent signs"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{pairs, parts};

    #[test]
    fn parts_are_decoded_one_by_one() {
        assert_eq!(parts("/a/b%2Fc/%E5%8C%97%E4%BA%AC").unwrap(), ["a", "b/c", "北京"]);
        assert_eq!(parts("/a+b/%25/%zz/").unwrap(), ["a+b", "%", "%zz", ""]);
        assert!(parts("/a/%ff").is_err() && parts("/%ed%a0%80").is_err());
    }

    #[test]
    fn pairs_are_decoded_as_forms_are() {
        let read = pairs("a=b+c&d=%2B%3D&e&&=f").unwrap();
        let read: Vec<(&str, &str)> = read.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(read, [("a", "b c"), ("d", "+="), ("e", ""), ("", "f")]);
        assert!(pairs("a=%ff").is_err());
    }
}
