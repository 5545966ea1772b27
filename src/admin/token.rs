//! The secret that an order needs.

use std::fmt;
use std::hint::black_box;

use serde::{Deserialize, Serialize};

/// 128 random bits, as 32 hexadecimal digits. Its `Debug` does not reveal it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token(String);

impl Token {
    /// A new token that cannot be guessed.
    ///
    /// # Errors
    /// The system provides no random bits.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(bits.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this token. The time that this takes does not reveal how much of it is
    /// right.
    pub fn is(&self, other: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), other.as_bytes());
        let differences = own.iter().zip(other).fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
        own.len() == other.len() && differences == 0
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn only_itself_is_it() {
        let token = Token("00ff".to_owned());
        assert!(token.is("00ff"));
        for other in ["", "00f", "00ff0", "00fe", "10ff", "00FF"] {
            assert!(!token.is(other), "{other}");
        }
    }

    #[test]
    fn two_differ_and_neither_shows_in_debug() {
        let (Ok(first), Ok(second)) = (Token::random(), Token::random()) else {
            panic!("no random bits");
        };
        assert!(!first.is(second.as_str()));
        assert_eq!(first.as_str().len(), 32);
        assert!(!format!("{first:?}").contains(first.as_str()));
    }
}
