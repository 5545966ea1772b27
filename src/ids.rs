//! Identifiers that cross modules: server, server type, session, uid. They are never passed as bare
//! strings or numbers. And how clients are told apart: by address, and in log lines.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
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

/// Bits of an IPv6 address that its holder chooses: a provider gives a customer at least a /64.
const HOST_BITS: u32 = 64;

/// The address by which a client is counted: an IPv4 address, mapped or not, or the /64 network of
/// an IPv6 address.
pub fn counted_as(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> HOST_BITS << HOST_BITS).into(),
        address => address,
    }
}

/// A name that clients chose, as a value of `key=value` in a log line: quoted and escaped where it
/// could pass for another field, another line or another name.
pub struct Logged<'a>(pub &'a str);

impl fmt::Display for Logged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain =
            |letter: char| letter != '=' && !letter.is_whitespace() && letter.escape_debug().eq([letter]);
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use proptest::prelude::*;

    use super::{Logged, counted_as};

    fn client(ip: impl Into<IpAddr>) -> IpAddr {
        counted_as(SocketAddr::new(ip.into(), 3014))
    }

    proptest! {
        #[test]
        fn an_ipv6_client_is_its_network(network: u64, hosts: [u64; 2], other: u64) {
            prop_assume!(network != 0 && other != 0 && network != other);
            let of = |network: u64, host: u64| {
                client(Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host)))
            };
            prop_assert_eq!(of(network, hosts[0]), of(network, hosts[1]));
            prop_assert_ne!(of(network, hosts[0]), of(other, hosts[0]));
        }

        #[test]
        fn an_ipv4_client_is_its_address(bits: [u32; 2]) {
            let [one, other] = bits.map(Ipv4Addr::from_bits);
            prop_assert_eq!(client(one), IpAddr::from(one));
            prop_assert_eq!(client(one.to_ipv6_mapped()), IpAddr::from(one));
            prop_assert_eq!(client(one) == client(other), one == other);
        }

        /// A reader that splits a line at spaces outside quotes finds one field.
        #[test]
        fn a_logged_name_is_one_value(name in "[\\PC\\pC =\"\\\\]{0,12}") {
            let shown = Logged(&name).to_string();
            prop_assert!(!shown.contains(['\n', '\r', '\u{2028}', '\u{202e}', '\u{200b}']), "{shown:?}");
            match shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inside) => {
                    let bare = inside.replace("\\\\", "").replace("\\\"", "");
                    prop_assert!(!bare.contains('"'), "{shown}");
                }
                None => {
                    prop_assert_eq!(&shown, &name);
                    prop_assert!(!shown.is_empty() && !shown.contains([' ', '=', '"', '\u{a0}']), "{shown:?}");
                }
            }
        }
    }

    #[test]
    fn neighbours_on_one_network_are_one_client() {
        let ip = |text: &str| client(text.parse::<IpAddr>().unwrap());
        assert_eq!(ip("2001:db8:1:2::1"), ip("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_ne!(ip("::ffff:10.0.0.1"), ip("::ffff:10.0.0.2"));
    }

    #[test]
    fn ordinary_names_are_logged_as_they_are() {
        for name in ["alice*lobby", "Zoë*café", "李雷*房间", "علی*room-1"] {
            assert_eq!(Logged(name).to_string(), name);
        }
        assert_eq!(Logged("a b=c*lobby").to_string(), r#""a b=c*lobby""#);
        assert_eq!(Logged("a\u{202e}b").to_string(), r#""a\u{202e}b""#);
    }
}
