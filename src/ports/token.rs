//! The token that a client shows to get its session back: 128 bits that cannot be guessed, and the
//! tokens of a session that are still valid.

use std::fmt;

/// A token. It has no `Debug`, so that none gets into a log. Tables of tokens use a keyed hash, and
/// tokens are compared as whole words: the time that takes does not reveal how much of a guess was
/// right.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token(u128);

/// Hexadecimal digits of a token.
const DIGITS: usize = 32;

/// Most valid tokens of one session that were given out and not acknowledged.
const UNACKNOWLEDGED_MAX: usize = 8;

/// The valid tokens of a session.
///
/// A token is invalid once the client has acknowledged another. Until then every token given out
/// since is valid: the answer that carries one may be lost like any other, and the server cannot
/// know which has arrived.
pub(super) struct Tokens {
    /// The token that the client is known to have.
    known: Token,
    /// Tokens that the client may have received since, the one given out or shown longest ago
    /// first, the current connection's last.
    unacknowledged: Vec<Token>,
}

impl Token {
    /// A new token, from the system's random source.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; size_of::<u128>()];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// Parses a token in lower-case hexadecimal.
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

impl Tokens {
    pub(super) fn new(known: Token) -> Self {
        Self { known, unacknowledged: Vec::new() }
    }

    /// The token that the client is known to have.
    pub(super) fn known(&self) -> Token {
        self.known
    }

    /// The client has shown a token, and gets the next. Returns the token that becomes invalid if
    /// there are too many.
    pub(super) fn give(&mut self, shown: Token, next: Token) -> Option<Token> {
        // The shown token is the one that the client has, so it must outlive the others, however
        // often the client tries.
        if let Some(place) = self.unacknowledged.iter().position(|token| *token == shown) {
            self.unacknowledged[place..].rotate_left(1);
        }
        let is_full = self.unacknowledged.len() == UNACKNOWLEDGED_MAX;
        let oldest = is_full.then(|| self.unacknowledged.remove(0));
        self.unacknowledged.push(next);
        oldest
    }

    /// The client has the last token given out. Returns the tokens that become invalid.
    pub(super) fn acknowledge(&mut self) -> Vec<Token> {
        let Some(last) = self.unacknowledged.pop() else { return Vec::new() };
        let mut invalid = std::mem::take(&mut self.unacknowledged);
        invalid.push(std::mem::replace(&mut self.known, last));
        invalid
    }

    /// Whether the client may lack the last token.
    pub(super) fn is_unsure(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    /// All tokens that are valid once the first was acknowledged.
    pub(super) fn all(&self) -> impl Iterator<Item = &Token> {
        self.unacknowledged.iter().chain([&self.known])
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens, UNACKNOWLEDGED_MAX};

    fn numbers<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> Vec<u128> {
        tokens.into_iter().map(|token| token.0).collect()
    }

    #[test]
    fn an_acknowledged_token_makes_all_others_invalid() {
        let mut tokens = Tokens::new(Token(0));
        assert_eq!(numbers(&tokens.acknowledge()), [], "the first one was not given in exchange");
        assert!(tokens.give(Token(0), Token(1)).is_none() && tokens.give(Token(0), Token(2)).is_none());
        assert_eq!((numbers(tokens.all()), tokens.is_unsure()), (vec![1, 2, 0], true));
        assert_eq!(numbers(&tokens.acknowledge()), [1, 0]);
        assert_eq!((numbers(tokens.all()), tokens.is_unsure()), (vec![2], false));
    }

    #[test]
    fn the_token_that_the_client_shows_outlives_those_that_were_lost() {
        let mut tokens = Tokens::new(Token(0));
        tokens.give(Token(0), Token(1));
        for number in 2..30 {
            let invalid = tokens.give(Token(1), Token(number));
            let is_full = number > UNACKNOWLEDGED_MAX as u128;
            assert_eq!(
                invalid.map(|token| token.0),
                is_full.then(|| number - UNACKNOWLEDGED_MAX as u128 + 1)
            );
            assert!(numbers(tokens.all()).contains(&1));
        }
    }
}
