//! Which requests the console accepts: other pages of a browser, and other machines, must not act
//! through it. Pure.

use std::net::IpAddr;

use crate::admin::Token;
use crate::orders::{Code, Refusal};

/// The headers of a request that say where it comes from.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sender<'a> {
    /// `Host`, if there is exactly one.
    pub host: Option<&'a str>,
    /// `Origin`: the page that sends the request; browsers add it.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`: the relation of that page to this one; browsers add it.
    pub site: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
}

/// The error without the token.
const NO_TOKEN: &str = "wrong or missing token: expected Authorization: Bearer TOKEN, with the token of the file that serve names";

/// The port of a `Host` without one.
const HTTP_PORT: u16 = 80;

/// Longest accepted `Host`, in bytes: an IPv6 address with brackets and a port has fewer.
const HOST_BYTES_MAX: usize = 64;

impl<'a> Sender<'a> {
    /// Refuses host names other than `localhost`: a page whose name was pointed at this machine
    /// (DNS rebinding) sends its name, while a request by address means this machine.
    ///
    /// # Errors
    /// `Host` is missing, or is neither an address nor `localhost`, with or without a port.
    pub fn check_host(&self) -> Result<&'a str, Refusal> {
        let Some(host) = self.host else {
            return Err(Refusal::forbidden("the request says no Host: expected an address of this machine"));
        };
        if host_part(host).is_some_and(is_address) {
            return Ok(host);
        }
        let message = format!(
            "Host {}: expected an IP address or localhost; a page of another name must not reach this one",
            shown(host)
        );
        Err(Refusal::forbidden(message))
    }

    /// Refuses requests of pages from elsewhere.
    ///
    /// # Errors
    /// `Origin` differs from `Host`, or `Sec-Fetch-Site` says that the page is from elsewhere.
    pub fn check_origin(&self) -> Result<(), Refusal> {
        let host = self.check_host()?;
        if let Some(origin) = self.origin
            && !origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        {
            let message = format!("Origin {}: expected http://{host}, the console's own", shown(origin));
            return Err(Refusal::forbidden(message));
        }
        match self.site {
            None | Some("same-origin" | "none") => Ok(()),
            Some(other) => Err(Refusal::forbidden(format!(
                "Sec-Fetch-Site {}: expected same-origin; a page from elsewhere must not ask",
                shown(other)
            ))),
        }
    }

    /// Whether it asks for this port on a loopback address, as a browser on this machine does, and
    /// no other page sends it. A forwarded port mostly has another number on its other end.
    pub(super) fn is_for_loopback(&self, port: u16) -> bool {
        let Some((authority, host)) = self.host.and_then(|host| Some((host, host_part(host)?))) else {
            return false;
        };
        let is_loopback = host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_local);
        // An address in brackets has colons too; it ends with one of them.
        let named = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        is_loopback && named.unwrap_or(HTTP_PORT) == port && self.check_origin().is_ok()
    }

    /// Refuses requests without the token.
    ///
    /// # Errors
    /// `Authorization` is missing, or has another token.
    pub fn check_token(&self, token: &Token) -> Result<(), Refusal> {
        let given = self.authorization.and_then(|text| text.split_once(' '));
        let is_it = |(scheme, given): (&str, &str)| {
            scheme.eq_ignore_ascii_case("Bearer") && token.is(given.trim_start_matches(' '))
        };
        if given.is_some_and(is_it) { Ok(()) } else { Err(Refusal::new(Code::Unauthorized, NO_TOKEN)) }
    }
}

/// Whether a peer is on this machine, as far as its address says.
pub(super) fn is_local(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

/// `host` of `host:port`, without the brackets of an IPv6 address.
pub(super) fn host_part(authority: &str) -> Option<&str> {
    if authority.len() > HOST_BYTES_MAX {
        return None;
    }
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inside) => inside.split_once(']').filter(|(host, _)| host.contains(':'))?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

fn is_address(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// For messages and logs: any text, as one short line.
fn shown(text: &str) -> String {
    text.chars().take(HOST_BYTES_MAX).collect::<String>().escape_default().to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Sender, Token, host_part, is_local};

    fn from(host: &str) -> Sender<'_> {
        Sender { host: Some(host), ..Sender::default() }
    }

    #[test]
    fn hosts_are_addresses_or_localhost() {
        for good in ["127.0.0.1", "127.0.0.1:3001", "localhost:3001", "LocalHost", "[::1]:80", "10.0.0.7:1"] {
            assert!(from(good).check_host().is_ok(), "{good}");
        }
        let bad = [
            "",
            ":3001",
            "evil.example",
            "evil.example:3001",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "[::1]evil",
            "127.0.0.1:",
            "127.0.0.1:port",
            "127.0.0.1:+80",
            "127.0.0.1:65536",
            "127.0.0.1:1:2",
            "127.0.0.1, localhost",
            " 127.0.0.1",
            "user@127.0.0.1",
            "0x7f000001",
            "127.1",
            "localhost.",
            "2130706433",
        ];
        for bad in bad {
            assert!(from(bad).check_host().is_err(), "{bad}");
        }
        assert!(Sender::default().check_host().is_err());
        assert_eq!(host_part("[fe80::1]:3001"), Some("fe80::1"));
        assert_eq!(host_part(&"1".repeat(65)), None);
    }

    #[test]
    fn origins_are_the_console_itself() {
        let own = from("127.0.0.1:3001");
        assert!(own.check_origin().is_ok(), "no browser");
        assert!(Sender { origin: Some("http://127.0.0.1:3001"), ..own }.check_origin().is_ok());
        let elsewhere = [
            "http://127.0.0.1",
            "https://127.0.0.1:3001",
            "http://localhost:3001",
            "http://evil.example",
            "null",
            "",
        ];
        for origin in elsewhere {
            assert!(Sender { origin: Some(origin), ..own }.check_origin().is_err(), "{origin}");
        }
        for (site, good) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("", false)]
        {
            assert_eq!(Sender { site: Some(site), ..own }.check_origin().is_ok(), good, "{site}");
        }
    }

    #[test]
    fn only_the_consoles_own_address_is_for_loopback() {
        for (host, is_own) in [
            ("127.0.0.1:3080", true),
            ("localhost:3080", true),
            ("LOCALHOST:3080", true),
            ("[::1]:3080", true),
            ("127.0.0.1:8080", false),
            ("localhost", false),
            ("[::1]", false),
            ("[::3080]", false),
            ("10.0.0.7:3080", false),
            ("0.0.0.0:3080", false),
            ("evil.example:3080", false),
        ] {
            assert_eq!(from(host).is_for_loopback(3080), is_own, "{host}");
        }
        assert!(from("localhost").is_for_loopback(80) && from("[::1]").is_for_loopback(80));
        let own = from("localhost:3080");
        assert!(Sender { origin: Some("http://localhost:3080"), ..own }.is_for_loopback(3080));
        assert!(!Sender { origin: Some("http://localhost:8080"), ..own }.is_for_loopback(3080));
        assert!(!Sender { site: Some("cross-site"), ..own }.is_for_loopback(3080));
        assert!(!Sender::default().is_for_loopback(80));
    }

    #[test]
    fn the_token_is_a_bearers() {
        let token = Token::random().unwrap();
        let given = |text: &str| {
            Sender { authorization: Some(text), ..from("localhost") }.check_token(&token).is_ok()
        };
        assert!(given(&format!("Bearer {}", token.as_str())));
        assert!(given(&format!("bearer {}", token.as_str())));
        for bad in ["Bearer", "Bearer ", token.as_str(), &format!("Basic {}", token.as_str())] {
            assert!(!given(bad), "{bad}");
        }
        assert!(from("localhost").check_token(&token).is_err());
    }

    #[test]
    fn local_is_loopback_in_both_families() {
        for (address, local) in [
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.168.1.7", false),
            ("::ffff:192.168.1.7", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_local(address.parse().unwrap()), local, "{address}");
        }
    }
}
