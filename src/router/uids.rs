//! Which session has which uid: each uid once in the whole cluster.

use std::collections::HashMap;

use crate::envelope::AppError;
use crate::ids::{SessionKey, Uid};

/// The bound uids. Only looked up by key: no order of it reaches anything visible.
#[derive(Default, Debug)]
pub struct Uids {
    sessions: HashMap<Uid, SessionKey>,
}

impl Uids {
    /// Gives `uid` to `session`.
    ///
    /// # Errors
    /// Another session has it.
    pub fn bind(&mut self, uid: Uid, session: SessionKey) -> Result<(), AppError> {
        match self.sessions.get(&uid) {
            Some(holder) if *holder != session => Err(AppError::new(format!("{uid} is logged in already"))),
            Some(_) => Ok(()),
            None => {
                self.sessions.insert(uid, session);
                Ok(())
            }
        }
    }

    /// Takes `uid` back from `session`; from any other it is not taken.
    pub fn unbind(&mut self, uid: &Uid, session: &SessionKey) {
        if self.sessions.get(uid) == Some(session) {
            self.sessions.remove(uid);
        }
    }

    /// The session that has `uid`.
    pub fn get(&self, uid: &Uid) -> Option<&SessionKey> {
        self.sessions.get(uid)
    }

    /// Number of bound uids.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is bound.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}
