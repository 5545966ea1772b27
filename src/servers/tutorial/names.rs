//! Names of users and rooms, and the tutorial's uid, made from the two: `name*rid`.

use crate::envelope::AppError;
use crate::ids::Uid;

/// The setting of a session that names its room.
pub(super) const ROOM_SETTING: &str = "rid";

/// The longest user name or room id, in characters.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// Refuses a name that is empty or too long, that would make two uids equal, or that would break a
/// page or a log line.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), AppError> {
    let fault = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.chars().nth(NAME_CHARS_MAX).is_some() {
        format!("it has more than {NAME_CHARS_MAX} characters")
    } else if name.contains('*') {
        "it contains *".to_owned()
    } else if name.chars().any(char::is_control) {
        "it contains a control character".to_owned()
    } else {
        return Ok(());
    };
    Err(AppError::new(format!("{what}: {fault}")))
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
