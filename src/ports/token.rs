//! What a client shows to get its session back: 128 bits that nobody can guess.

use std::fmt;

/// A token. It has no `Debug`, so that none gets into a log; a table of them is looked up by a keyed hash, and whole
/// words are compared: how long that takes tells nobody how much of a guess was right.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token(u128);

/// Hexadecimal digits of a token.
const DIGITS: usize = 32;

impl Token {
    /// A new one, from the system's chance.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; size_of::<u128>()];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// The token that is written so, in lower case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == DIGITS && is_hex)?;
        Some(Self(number))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
