//! `crc32-mod`: plain CRC-32 over UTF-8, modulo the number of servers.

use super::{CRC_32, Candidate, Look, Moves, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    moves: Moves::Many,
    ..StrategyEntry::sticky(
        "crc32-mod",
        "unsigned crc32 of the key's UTF-8 mod n, as Pinus with crc 4 does",
        |_, _| Box::new(Crc32Mod::default()),
    )
};

/// `crc32(key) % servers.length` with the unsigned CRC over UTF-8 that npm `crc` has returned since
/// version 3.
#[derive(Clone, Default, Debug)]
pub struct Crc32Mod {
    servers: u32,
}

impl Strategy for Crc32Mod {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        CRC_32.checksum(key.as_bytes()).checked_rem(self.servers).map(|index| index as usize)
    }

    fn explain(&self, key: &str) -> String {
        let crc = CRC_32.checksum(key.as_bytes());
        match crc.checked_rem(self.servers) {
            None => format!("crc {crc}"),
            Some(index) => format!("crc {crc}, mod {} = {index}", self.servers),
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}
