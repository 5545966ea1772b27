//! `connector`: logs clients in and keeps their sessions.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chat::Membership;
use super::names::{ROOM_SETTING, check_name, uid_of};
use crate::config::ServerSpec;
use crate::envelope::AppError;
use crate::servers::{Cx, Registry, Reply, ServerLogic, Text};

/// A connector server. Its knowledge of a client is in the session: `uid` and the setting `rid`.
pub struct Connector;

#[derive(Deserialize)]
struct Enter {
    username: Text,
    rid: Text,
}

/// All users in the room, including the newcomer.
#[derive(Serialize)]
struct Entered {
    users: Vec<String>,
}

impl ServerLogic for Connector {
    const NAME: &'static str = "connector";
    const HEARTBEAT: Option<Duration> = Some(Duration::from_secs(3));

    fn create(_server: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("entryHandler.enter", Self::enter);
    }
}

impl Connector {
    fn enter(&mut self, cx: &mut Cx<'_>, message: Enter) -> Reply<Self, Entered> {
        let Enter { username: Text(name), rid: Text(rid) } = message;
        if let Err(error) = check_name("username", &name).and_then(|()| check_name("rid", &rid)) {
            return Reply::Done(Err(error));
        }
        let uid = uid_of(&name, &rid);
        if let Ok(bound) = cx.uid() {
            let error = AppError::new(format!("this session has entered already, as {bound}"));
            return Reply::Done(Err(if *bound == uid { error.flagged() } else { error }));
        }
        cx.bind(uid).then(move |_: &mut Self, cx, bound: Result<(), AppError>| match bound {
            Ok(()) => {
                cx.set(ROOM_SETTING, rid);
                Self::enter_room(cx)
            }
            Err(error) => Reply::Done(Err(error.flagged())),
        })
    }

    fn enter_room(cx: &mut Cx<'_>) -> Reply<Self, Entered> {
        let who = match Membership::of(cx) {
            Ok(who) => who,
            Err(error) => return Reply::Done(Err(error)),
        };
        let added = cx.call("chat", "chatRemote.add", &who);
        added.then(|_: &mut Self, cx, users: Result<Vec<String>, AppError>| match users {
            Ok(users) => Ok(Entered { users }),
            Err(error) => Err(give_up(cx, error)),
        })
    }
}

/// Undoes a login whose room could not be entered. The chat server may have added the session and
/// only its answer was lost: giving the uid back removes the session from the room again.
fn give_up(cx: &mut Cx<'_>, error: AppError) -> AppError {
    cx.set(ROOM_SETTING, Value::Null);
    cx.unbind().err().unwrap_or(error).flagged()
}
