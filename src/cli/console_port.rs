//! The console of `serve`: whether and where it opens, and its lines in the banner.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};

use super::output::Failure;
use crate::config::{ClusterSpec, Ports};
use crate::live::{StartError, TakenPort};

/// A port that neither Pomelo's files nor the tutorial's web server use.
const DEFAULT_PORT: u16 = 3080;

/// `off`, or a listening address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsoleAddress {
    /// Do not open the console.
    Off,
    /// Listen here; port 0 means any free port.
    At {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

impl ConsoleAddress {
    /// Reads `off`, `8081`, `0.0.0.0:8081` or `[::1]:8081`.
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        let port = port.parse().ok().filter(|_| !host.is_empty());
        let port = port.ok_or("expected off, a port, or HOST:PORT such as 0.0.0.0:3080")?;
        Ok(Self::At { host: host.to_owned(), port })
    }
}

/// Opens the console at the address on the command line, or at the default port plus the port
/// offset. Returns `None` when it is off, and a warning when the default port is taken.
pub(super) fn open(
    wanted: Option<&ConsoleAddress>,
    spec: &ClusterSpec,
    ports: Ports,
) -> Result<(Option<TcpListener>, Option<String>), Failure> {
    let (host, port) = match wanted {
        Some(ConsoleAddress::Off) => return Ok((None, None)),
        Some(ConsoleAddress::At { host, port }) => (host.as_str(), *port),
        None => {
            let port = ports.apply(DEFAULT_PORT).unwrap_or(0);
            return default(spec, port).map(|(listener, warning)| (Some(listener), warning));
        }
    };
    // ToSocketAddrs expects no brackets when the port is a separate argument.
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let opened = (bare, port).to_socket_addrs().and_then(|found| {
        let found: Vec<SocketAddr> = found.collect();
        TcpListener::bind(&found[..])
    });
    match opened {
        Ok(listener) => Ok((Some(listener), None)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let ports = vec![TakenPort { owner: "console".to_owned(), address: format!("{host}:{port}") }];
            Err(StartError::Taken { ports }.into())
        }
        Err(error) => Err(format!(
            "console: cannot listen on {host}:{port}: {error}; --console PORT takes another, --console 0 any that is \
             free, --console off none"
        )
        .into()),
    }
}

fn default(spec: &ClusterSpec, port: u16) -> Result<(TcpListener, Option<String>), Failure> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let owner = spec.servers.iter().find(|server| port != 0 && server.client_port == Some(port));
    let reason = match owner {
        Some(server) => format!("{} has port {port}", server.id),
        None => match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok((listener, None)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => format!("another program has port {port}"),
            Err(error) => return Err(failed(&error)),
        },
    };
    let listener = any().map_err(|error| failed(&error))?;
    let port = listener.local_addr()?.port();
    Ok((
        listener,
        Some(format!("console: {reason}: it is at 127.0.0.1:{port}; --console PORT takes another")),
    ))
}

fn failed(error: &io::Error) -> Failure {
    format!("console: cannot listen on 127.0.0.1: {error}; --console off opens none").into()
}

/// The address to open in a browser on this machine.
pub(super) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{ConsoleAddress, url};

    #[test]
    fn addresses_are_read() {
        let at = |host: &str, port| Ok(ConsoleAddress::At { host: host.to_owned(), port });
        assert_eq!(ConsoleAddress::parse("off"), Ok(ConsoleAddress::Off));
        assert_eq!(ConsoleAddress::parse("0"), at("127.0.0.1", 0));
        assert_eq!(ConsoleAddress::parse("0.0.0.0:80"), at("0.0.0.0", 80));
        assert_eq!(ConsoleAddress::parse("localhost:8081"), at("localhost", 8081));
        assert_eq!(ConsoleAddress::parse("[::1]:8081"), at("[::1]", 8081));
        for bad in ["", "on", ":3080", "70000", "127.0.0.1", "127.0.0.1:", "localhost:x", "-1"] {
            assert!(ConsoleAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_browser_gets_an_address_that_it_can_open() {
        for (address, opened) in [
            ("127.0.0.1:3080", "http://127.0.0.1:3080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("192.168.1.7:80", "http://192.168.1.7:80"),
        ] {
            assert_eq!(url(address.parse().unwrap()), opened);
        }
    }
}
