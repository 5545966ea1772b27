//! Identifiers that cross modules: server, server type, session, uid. They are never passed as bare
//! strings or numbers.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Defines a cheaply cloned string newtype.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            /// Equal ids mostly share their text, so compare the pointers first.
            fn eq(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl<T: AsRef<str>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(Arc::from(text.as_ref()))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The `id` of a server in `servers.json`, such as `chat-server-1`; the key of its address.
    ServerId
}

name! {
    /// A key of `servers.json`, such as `chat`: servers of one type run the same code.
    ServerType
}

name! {
    /// The user id that a session is bound to: in the chat tutorial `name*rid`. Unique in the
    /// cluster.
    Uid
}

/// A client connection on one frontend server: never reused by that server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(u64);

impl SessionId {
    /// The `serial`th session of a frontend; `slot` is its index in the port's table, which is
    /// reused.
    pub const fn new(serial: u32, slot: u32) -> Self {
        Self((serial as u64) << 32 | slot as u64)
    }

    /// Its serial number on its frontend.
    pub const fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Its index in the port's table.
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for SessionId {
    /// The serial number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serial().fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{self}")
    }
}

/// A session in the cluster: its frontend, and its id there.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SessionKey {
    /// The frontend server that the client is connected to.
    pub frontend: ServerId,
    /// The session's number on that frontend.
    pub session: SessionId,
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.frontend, self.session)
    }
}
