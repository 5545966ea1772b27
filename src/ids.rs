//! Names that cross modules: server, server type, session, uid. No bare string or number stands for one of them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Defines a cheaply cloned string newtype.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
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
    /// What a session is bound to: in the chat tutorial `name*rid`. Unique in the cluster.
    Uid
}

/// A client connection on one frontend server: never used twice by that server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(u64);

impl SessionId {
    /// The `serial`th session of a frontend; `slot` says where its port keeps it, and is used again.
    pub const fn new(serial: u32, slot: u32) -> Self {
        Self((serial as u64) << 32 | slot as u64)
    }

    /// Its number among its frontend's sessions.
    pub const fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Where the port keeps it.
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

/// A session in the whole cluster: the frontend that holds it, and its number there.
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
