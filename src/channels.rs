//! Channels: groups of sessions that hear the same pushes. A chat room is one.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::ids::{ServerId, SessionId, SessionKey, Uid};

/// The channels of one server, by name. A channel exists while it has members.
#[derive(Default, Debug)]
pub struct Channels {
    /// Only looked up by name, or put into its order: a tree of a hundred thousand names costs a look at a dozen of them.
    by_name: HashMap<Box<str>, Channel>,
}

/// One who hears a channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Member {
    /// Who.
    pub uid: Uid,
    /// On which connection.
    pub session: SessionKey,
}

/// Members stand grouped by frontend, so that a push costs one envelope a frontend and copies no list. Groups
/// stand in the order of their first member, members in the order in which they joined: clients show this order.
#[derive(Default, Debug)]
pub struct Channel {
    groups: Vec<Group>,
    by_uid: HashMap<Uid, SessionKey>,
}

#[derive(Debug)]
struct Group {
    frontend: ServerId,
    /// Shared with pushes on their way; a change while one is under way copies the list.
    sessions: Arc<Vec<SessionId>>,
    uids: Vec<Uid>,
}

impl Channels {
    /// Adds a member, and makes the channel if it is the first. A uid is in a channel once: a later session
    /// takes its place. Gives the session that had the place, if there was another.
    pub fn add(&mut self, channel: &str, member: Member) -> Option<SessionKey> {
        match self.by_name.get_mut(channel) {
            Some(known) => known.add(member),
            None => self.by_name.entry(channel.into()).or_default().add(member),
        }
    }

    /// Takes a member out; drops the channel with its last one. False when it was not in it.
    pub fn leave(&mut self, channel: &str, uid: &Uid, session: &SessionKey) -> bool {
        let Some(known) = self.by_name.get_mut(channel) else { return false };
        let left = known.leave(uid, session);
        if known.is_empty() {
            self.by_name.remove(channel);
        }
        left
    }

    /// Takes a whole channel out.
    pub fn remove(&mut self, channel: &str) -> Option<Channel> {
        self.by_name.remove(channel)
    }

    /// A channel that has members.
    pub fn get(&self, channel: &str) -> Option<&Channel> {
        self.by_name.get(channel)
    }

    /// Names and channels, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Channel)> {
        let mut channels: Vec<(&str, &Channel)> =
            self.by_name.iter().map(|(name, channel)| (&**name, channel)).collect();
        channels.sort_unstable_by_key(|(name, _)| *name);
        channels.into_iter()
    }

    /// Number of channels.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl Channel {
    /// The session of a member.
    pub fn session_of(&self, uid: &str) -> Option<&SessionKey> {
        self.by_uid.get(uid)
    }

    /// The members' uids: by frontend, then in the order in which they came.
    pub fn members(&self) -> impl Iterator<Item = &Uid> {
        self.groups.iter().flat_map(|group| &group.uids)
    }

    /// The same, with their sessions. Added to another channel in this order, they stand there as they do here.
    pub fn with_sessions(&self) -> impl Iterator<Item = Member> {
        self.groups.iter().flat_map(|group| {
            group.uids.iter().zip(&*group.sessions).map(|(uid, session)| Member {
                uid: uid.clone(),
                session: SessionKey { frontend: group.frontend.clone(), session: *session },
            })
        })
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// Who gets a push, by frontend.
    pub fn recipients(&self) -> impl Iterator<Item = (&ServerId, &Arc<Vec<SessionId>>)> {
        self.groups.iter().map(|group| (&group.frontend, &group.sessions))
    }

    fn add(&mut self, member: Member) -> Option<SessionKey> {
        let before = self.by_uid.get(&member.uid).cloned();
        match &before {
            Some(session) if *session == member.session => return None,
            Some(session) => drop(self.leave(&member.uid, session)),
            None => {}
        }
        let Member { uid, session } = member;
        let group = match self.groups.iter_mut().position(|group| group.frontend == session.frontend) {
            Some(at) => &mut self.groups[at],
            None => {
                let frontend = session.frontend.clone();
                self.groups.push(Group { frontend, sessions: Arc::default(), uids: Vec::new() });
                self.groups.last_mut().unwrap_or_else(|| unreachable!("a group was just pushed"))
            }
        };
        Arc::make_mut(&mut group.sessions).push(session.session);
        group.uids.push(uid.clone());
        self.by_uid.insert(uid, session);
        before
    }

    fn leave(&mut self, uid: &Uid, session: &SessionKey) -> bool {
        if self.by_uid.get(uid) != Some(session) {
            return false;
        }
        self.by_uid.remove(uid);
        let Some(at) = self.groups.iter().position(|group| group.frontend == session.frontend) else {
            return false;
        };
        let group = &mut self.groups[at];
        if let Some(place) = group.uids.iter().position(|member| member == uid) {
            group.uids.remove(place);
            Arc::make_mut(&mut group.sessions).remove(place);
        }
        if group.uids.is_empty() {
            self.groups.remove(at);
        }
        true
    }
}
