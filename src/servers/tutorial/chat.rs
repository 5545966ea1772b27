//! `chat`: owns the rooms, each a channel.

use serde::{Deserialize, Deserializer, Serialize};

use super::names::{ROOM_SETTING, name_of, uid_of};
use crate::config::ServerSpec;
use crate::envelope::AppError;
use crate::ids::{Logged, SessionKey, Uid};
use crate::servers::{Cx, Json, Registry, ServerLogic};

/// A chat server. Its state is its channels, which the framework keeps.
pub struct Chat;

/// A user who enters a room, as connectors send it to `chatRemote`.
#[derive(Serialize, Deserialize)]
pub(super) struct Membership {
    pub(super) uid: Uid,
    rid: String,
    session: SessionKey,
}

impl Membership {
    /// Reads the membership from the calling session, which must have entered a room.
    pub(super) fn of(cx: &Cx<'_>) -> Result<Self, AppError> {
        let uid = cx.uid()?.clone();
        let rid = room_of(cx)?;
        let session = cx.session().ok_or_else(not_entered)?.key.clone();
        Ok(Self { uid, rid, session })
    }
}

#[derive(Deserialize)]
struct SendMessage {
    #[serde(default, deserialize_with = "present")]
    content: Option<Json>,
    #[serde(default, deserialize_with = "present")]
    target: Option<Json>,
    #[serde(default, deserialize_with = "present")]
    route: Option<Json>,
}

/// The answer to a send. As in the tutorial, it repeats the `route` field of the client's message,
/// if any.
#[derive(Serialize)]
struct SendAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Json>,
}

#[derive(Serialize)]
struct OnChat<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<Json>,
    from: &'a str,
    target: Json,
}

/// The body of `onAdd` and `onLeave`. It contains the route too, as in the tutorial.
#[derive(Serialize)]
struct Presence<'a> {
    route: &'a str,
    user: &'a str,
}

impl ServerLogic for Chat {
    const NAME: &'static str = "chat";

    fn create(_server: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("chatHandler.send", Self::send).remote("chatRemote.add", Self::add);
    }

    /// Sends `onLeave` once for each member that leaves, for whatever reason its session ended.
    fn member_gone(&mut self, cx: &mut Cx<'_>, channel: &str, uid: &Uid) {
        let told = cx.channel(channel).push("onLeave", &Presence { route: "onLeave", user: name_of(uid) });
        if let Err(error) = told {
            log::error!(
                "cannot tell who left server={} uid={} error={error}",
                cx.server().id,
                Logged(uid.as_str())
            );
        }
    }
}

impl Chat {
    /// Sends a chat message. Room and sender come from the session, never from the message, so a
    /// client cannot speak for another.
    fn send(&mut self, cx: &mut Cx<'_>, message: SendMessage) -> Result<SendAnswer, AppError> {
        let from = cx.uid()?.clone();
        let rid = room_of(cx)?;
        let no_target = || AppError::new("target: expected * or the name of a user in your room");
        let target = message.target.ok_or_else(no_target)?;
        let room = cx.channels().get(&rid).filter(|room| room.session_of(from.as_str()).is_some());
        let room = room.ok_or_else(not_entered)?;
        let to = if is_everyone(&target) {
            None
        } else {
            let name = target.to_text().ok_or_else(no_target)?;
            let session = room.session_of(uid_of(&name, &rid).as_str()).cloned();
            Some(session.ok_or_else(|| AppError::new(format!("target: no user {name:?} in your room")))?)
        };
        let push = OnChat { msg: message.content, from: name_of(&from), target };
        match to {
            None => cx.channel(&rid).push("onChat", &push)?,
            Some(session) => cx.push_to_sessions([&session], "onChat", &push)?,
        }
        Ok(SendAnswer { route: message.route })
    }

    /// Adds a member. The present members get `onAdd`; the newcomer gets all names, in the order of
    /// the room.
    fn add(&mut self, cx: &mut Cx<'_>, who: Membership) -> Result<Vec<String>, AppError> {
        let mut room = cx.channel(&who.rid);
        room.push("onAdd", &Presence { route: "onAdd", user: name_of(&who.uid) })?;
        room.add(who.uid, who.session);
        Ok(room.members().map(|uid| name_of(uid).to_owned()).collect())
    }
}

/// Reads a field that is present. Here `null` is a value, and only a missing field is `None`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

fn room_of(cx: &Cx<'_>) -> Result<String, AppError> {
    cx.get_str(ROOM_SETTING).map(str::to_owned).ok_or_else(not_entered)
}

fn not_entered() -> AppError {
    AppError::new("you are in no room: call connector.entryHandler.enter first")
}

/// Whether the target is everyone. The original compares with `==`, which treats `"*"` and `["*"]`
/// as equal.
fn is_everyone(target: &Json) -> bool {
    matches!(target.as_str(), "\"*\"" | "[\"*\"]")
}
