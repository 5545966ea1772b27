//! The user at the other end of a connection on this machine, as far as the system tells: other
//! users of this machine must not get the token.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;

/// Linux's tables of connections.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Longest table that is read, in bytes: each connection of the machine takes a line of 150.
const TABLE_BYTES_MAX: u64 = 64 << 20;

/// An ended connection: the system shows root as its user.
const TIME_WAIT: &str = "06";

/// Whether the peer of this port at that address belongs to this process's user, or to root. True
/// where the system does not tell.
pub(super) fn may_be_own(peer: SocketAddr, port: u16) -> bool {
    let Ok(own) = fs::metadata("/proc/self").map(|process| process.uid()) else { return true };
    let tables = TABLES.iter().filter_map(|path| File::open(path).ok());
    let mut owners = tables.flat_map(|table| {
        let lines = BufReader::new(table.take(TABLE_BYTES_MAX)).lines().map_while(Result::ok);
        lines.filter_map(move |line| owner(&line, peer, port))
    });
    owners.all(|uid| uid == own || uid == 0)
}

/// The user of a line, if it describes a connection from that address to that port.
fn owner(line: &str, peer: SocketAddr, port: u16) -> Option<u32> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (from, to) = (address(fields.next()?)?, address(fields.next()?)?);
    let is_it = from.ip().to_canonical() == peer.ip().to_canonical() && from.port() == peer.port();
    if !is_it || to.port() != port || fields.next()? == TIME_WAIT {
        return None;
    }
    fields.nth(3)?.parse().ok()
}

/// `0100007F:0BB9`: words in the machine's byte order, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at * 8)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::{may_be_own, owner};

    #[cfg(target_endian = "little")]
    #[test]
    fn lines_are_read_as_linux_writes_them() {
        let line = "   3: 0100007F:C350 0100007F:0BB9 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0";
        let peer = "127.0.0.1:50000".parse().unwrap();
        assert_eq!(owner(line, peer, 3001), Some(1000));
        assert_eq!(owner(line, "[::ffff:127.0.0.1]:50000".parse().unwrap(), 3001), Some(1000));
        assert_eq!(owner(line, peer, 3002), None, "to another port");
        assert_eq!(owner(line, "127.0.0.1:50001".parse().unwrap(), 3001), None);
        assert_eq!(owner(line, "127.0.0.2:50000".parse().unwrap(), 3001), None);
        assert_eq!(owner(&line.replace(" 01 ", " 06 "), peer, 3001), None, "it has ended");
        let mapped = line.replace("0100007F:C350", "0000000000000000FFFF00000100007F:C350");
        assert_eq!(owner(&mapped, peer, 3001), Some(1000));
        let six = line.replace("0100007F:C350", "00000000000000000000000001000000:C350");
        assert_eq!(owner(&six, "[::1]:50000".parse().unwrap(), 3001), Some(1000));
        for bad in [
            "",
            "  sl  local_address rem_address   st",
            "0: x:y z",
            "0: 0100007F:C350 0100007F:0BB9 01",
            "1: é: é:",
        ] {
            assert_eq!(owner(bad, peer, 3001), None, "{bad:?}");
        }
    }

    #[test]
    fn this_process_is_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        assert!(may_be_own(client.local_addr().unwrap(), address.port()));
    }
}
