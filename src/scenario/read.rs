//! Reads scenarios: from JSON to a checked value, with the position of each error.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Scenario;
use super::error::ScenarioError;
use crate::nearest::{did_you_mean, nearest};

/// Size limit of a scenario file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// Longest quote from a file in an error message, in characters.
const QUOTED_MAX: usize = 600;

impl Scenario {
    /// Reads and checks a scenario file. `chat.config` is relative to the file's folder.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 1 MiB, does not have the documented form, or does
    /// not make sense.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        let mut text = String::new();
        let read = File::open(path).and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        match read {
            Err(reason) => return Err(ScenarioError::Unreadable { file, reason }),
            Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => return Err(ScenarioError::TooLarge { file }),
            Ok(_) => {}
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_json_with(&text, &file, |config| folder.join(config))
    }

    /// Reads and checks the text of a scenario; `file` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_json(text: &str, file: &str) -> Result<Self, ScenarioError> {
        Self::from_json_with(text, file, Path::to_path_buf)
    }

    /// As [`from_json`](Self::from_json); `find` resolves the path in `chat.config`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_json_with(
        text: &str,
        file: &str,
        find: impl FnOnce(&Path) -> PathBuf,
    ) -> Result<Self, ScenarioError> {
        let mut scenario = Self::parse(text, file)?;
        if let Some(config) = scenario.chat.as_mut().and_then(|chat| chat.config.as_mut()) {
            *config = find(config);
        }
        scenario.check(file)?;
        Ok(scenario)
    }

    fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let scenario = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { format!("{}: ", printable(&path)) };
            malformed(file, field, &error.into_inner())
        })?;
        reader.end().map_err(|error| malformed(file, String::new(), &error))?;
        Ok(scenario)
    }
}

fn malformed(file: &str, field: String, error: &serde_json::Error) -> ScenarioError {
    let reason = error.to_string();
    let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
    ScenarioError::Malformed {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
        field,
        reason: printable(reason) + &meant(reason),
    }
}

/// A hint at the known name nearest to an unknown one, from serde's own message.
fn meant(reason: &str) -> String {
    let unknown =
        ["unknown field `", "unknown variant `"].into_iter().find_map(|head| reason.strip_prefix(head));
    let Some((name, known)) = unknown.and_then(|rest| rest.split_once("`, expected ")) else {
        return String::new();
    };
    did_you_mean(nearest(name, known.split('`').skip(1).step_by(2)))
}

/// Shortens a text and removes characters that would upset a terminal.
fn printable(text: &str) -> String {
    let mut short: String =
        text.chars().take(QUOTED_MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if short.len() < text.len() && text.chars().nth(QUOTED_MAX).is_some() {
        short.push('…');
    }
    short
}
