//! Names of users and rooms, and the tutorial's uid, made from the two: `name*rid`.

use std::ops::RangeInclusive;

use crate::envelope::AppError;
use crate::ids::Uid;

/// The setting of a session that names its room.
pub(super) const ROOM_SETTING: &str = "rid";

/// The longest user name or room id, in characters.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// Characters that show nothing, turn the direction of text around, or break a line: Unicode's
/// default ignorable ones, and its separators of lines and paragraphs.
const HIDDEN: [RangeInclusive<char>; 18] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// The first script that writes with joiners begins here. Latin, Greek and Cyrillic are below.
const JOINED_FROM: char = '\u{600}';

/// Refuses a name that is blank or too long, that would make two uids equal, that looks like
/// another, or that would break a page or a log line.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), AppError> {
    let fault = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.chars().nth(NAME_CHARS_MAX).is_some() {
        format!("it has more than {NAME_CHARS_MAX} characters")
    } else if name.contains('*') {
        "it contains *".to_owned()
    } else if name.chars().any(char::is_control) {
        "it contains a control character".to_owned()
    } else if let Some(hidden) = hidden(name) {
        format!("it contains U+{:04X}, which cannot be seen", u32::from(hidden))
    } else if name.chars().all(is_blank) {
        "it is blank".to_owned()
    } else {
        return Ok(());
    };
    Err(AppError::new(format!("{what}: {fault}")))
}

/// Spaces, and the Braille pattern without dots.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || letter == '\u{2800}'
}

/// The first character that cannot be seen. Words of some scripts, and emoji, are written with
/// joiners and selectors: these pass between or behind characters that they can change.
fn hidden(name: &str) -> Option<char> {
    let is_hidden = |letter: char| HIDDEN.iter().any(|range| range.contains(&letter));
    let is_joiner = |letter: char| matches!(letter, '\u{200c}' | '\u{200d}');
    let is_selector = |letter: char| matches!(letter, '\u{fe0e}' | '\u{fe0f}');
    let mut before = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_seen = |other: char| other >= JOINED_FROM && !is_hidden(other);
        let is_in_place = if is_joiner(letter) {
            let is_joined = |before| is_seen(before) || is_selector(before);
            before.is_some_and(is_joined) && letters.peek().copied().is_some_and(is_seen)
        } else {
            is_selector(letter) && before.is_some_and(|before| is_seen(before) && !before.is_alphanumeric())
        };
        if is_hidden(letter) && !is_in_place {
            return Some(letter);
        }
        before = Some(letter);
    }
    None
}

/// The uid of a user in a room. Neither part contains `*`, so different pairs make different uids.
pub fn uid_of(name: &str, rid: &str) -> Uid {
    Uid::from(format!("{name}*{rid}"))
}

/// The user's name in a uid. Returns the whole uid if it has another form.
pub fn name_of(uid: &Uid) -> &str {
    let uid = uid.as_str();
    uid.split_once('*').map_or(uid, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HIDDEN, check_name};

    fn is_taken(name: &str) -> bool {
        check_name("username", name).is_ok()
    }

    #[test]
    fn ordinary_names_are_taken() {
        for name in [
            "alice",
            "a b=c",
            "Zo\u{eb}",
            "Zoe\u{308}",
            "李雷",
            "Ελένη",
            "Ольга",
            "שלום",
            "नमस्ते",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "❤\u{fe0f}",
            "🇩🇪",
            "👋🏽",
        ] {
            assert!(is_taken(name), "{name:?}: {:?}", check_name("username", name));
        }
    }

    #[test]
    fn names_that_cannot_be_told_from_others_are_refused() {
        for name in [
            "",
            " ",
            "\u{a0}\u{3000}",
            "\u{2800}",
            "\u{200b}",
            "\u{2028}",
            "alice\u{2028}mallory",
            "alice\u{2029}",
            "alice\u{200b}",
            "alice\u{200d}",
            "al\u{200c}ice",
            "\u{202e}ecila",
            "\u{2066}alice",
            "\u{feff}alice",
            "alice\u{fe0f}",
            "علی\u{200c}",
            "علی\u{fe0f}",
            "👨\u{200d}\u{200d}👩",
            "👨\u{200d}",
            "\u{ad}a",
            "a\nb",
            "a\u{85}b",
            "\u{3164}",
            "a\u{e0041}",
        ] {
            assert!(!is_taken(name), "{name:?}");
        }
    }

    proptest! {
        /// Wherever it stands among Latin letters.
        #[test]
        fn a_hidden_character_is_refused(
            (range, at) in (0..HIDDEN.len(), any::<prop::sample::Index>()),
            before in "[a-zé ]{0,8}", after in "[a-zé ]{0,8}",
        ) {
            let letters: Vec<char> = HIDDEN[range].clone().collect();
            let name = format!("{before}{}{after}", letters[at.index(letters.len())]);
            prop_assert!(!is_taken(&name), "{name:?}");
        }

        #[test]
        fn letters_of_any_script_are_taken(name in "[\\p{Lu}\\p{Ll}\\p{Nd}\\p{So}]{1,32}") {
            // Braille without dots is a symbol that shows nothing.
            prop_assume!(name.chars().any(|letter| letter != '\u{2800}'));
            prop_assume!(!name.chars().any(|letter| HIDDEN.iter().any(|range| range.contains(&letter))));
            prop_assert!(is_taken(&name), "{name:?}");
        }

        /// A name that is taken has something to see, and nothing that breaks a line.
        #[test]
        fn a_name_that_is_taken_shows(name in "\\PC{0,70}|[\\s\\pC]{0,8}") {
            if is_taken(&name) {
                prop_assert!(name.chars().any(|letter| !letter.is_whitespace()), "{name:?}");
                prop_assert!(!name.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{202e}']), "{name:?}");
            }
        }
    }
}
