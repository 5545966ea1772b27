//! Strategies of a running cluster: the present ones, the effect of another one, and where they put
//! a user and a room.

use serde::{Deserialize, Serialize};

use super::view::in_order_of;
use crate::ids::{ServerId, ServerType, SessionKey, Uid};
use crate::live::control::ControlError;
use crate::live::running::RunningCluster;
use crate::router::{KeyPlacementChange, Preview, Router, TypeView};
use crate::servers::{ROLES, name_of, uid_of};
use crate::strategies::StrategySpec;

/// Where a login goes in a running cluster, and where the user and the room are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LiveExplanation {
    /// The user.
    pub uid: String,
    /// The room.
    pub rid: String,
    /// The gates, one of which clients know.
    pub gates: Vec<ServerId>,
    /// The connector for the user, by the present strategy.
    pub connector: KeyPlacementChange,
    /// The chat server for the room.
    pub chat: KeyPlacementChange,
    /// The user's session in that room, or with exactly that uid, if there is one.
    pub session: Option<SessionPlace>,
    /// Where the room is, if it has members.
    pub room: Option<RoomPlace>,
}

/// Where a user is connected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SessionPlace {
    /// The server that holds the session.
    pub frontend: ServerId,
    /// The session's number, as in the log.
    pub session: u32,
}

/// Where a room is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoomPlace {
    /// The server that holds it.
    pub server: ServerId,
    /// Number of members.
    pub members: usize,
}

impl RunningCluster {
    /// The strategy of each type that has servers.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn strategies(&self) -> Result<Vec<TypeView>, ControlError> {
        let servers: Vec<ServerType> = self.servers().map(|(spec, _)| spec.server_type).collect();
        Ok(in_order_of(&servers, self.with_router(|router, _, _| router.types())?))
    }

    /// The effect of another strategy for a type; nothing changes.
    ///
    /// # Errors
    /// The type is unknown, or the strategy does not suit it.
    pub fn preview_strategy(
        &self,
        server_type: &str,
        strategy: StrategySpec,
    ) -> Result<Preview, ControlError> {
        let server_type = ServerType::from(server_type);
        let preview =
            self.with_router(move |router, _, _| router.preview(&server_type, &strategy, name_of))?;
        Ok(preview?)
    }

    /// Where a user and a room would land now, and why; and where they are.
    ///
    /// # Errors
    /// The cluster has no connectors or no chat servers, or has ended.
    pub fn explain(&self, uid: &str, rid: &str) -> Result<LiveExplanation, ControlError> {
        let (uid, rid) = (uid.to_owned(), rid.to_owned());
        self.with_router(move |router, _, _| explanation(router, uid, rid))?
    }
}

fn explanation(router: &Router, uid: String, rid: String) -> Result<LiveExplanation, ControlError> {
    let placement_change = |server_type: &str, key: &str| {
        let server_type = ServerType::from(server_type);
        router.explain(&server_type, key).ok_or_else(|| ControlError::UnknownType {
            server_type: server_type.to_string(),
            known: router.types().into_iter().map(|known| known.server_type.to_string()).collect(),
        })
    };
    let session =
        [uid_of(&uid, &rid), Uid::from(&uid)].iter().find_map(|uid| router.uids().get(uid).cloned());
    let session =
        session.map(|SessionKey { frontend, session }| SessionPlace { frontend, session: session.serial() });
    let room = router.room_of(&ROLES.chat.into(), &rid);
    Ok(LiveExplanation {
        gates: router.listed(&ROLES.gate.into()),
        connector: placement_change(ROLES.connector, &uid)?,
        chat: placement_change(ROLES.chat, &rid)?,
        session,
        room: room.map(|(server, members)| RoomPlace { server, members }),
        uid,
        rid,
    })
}
