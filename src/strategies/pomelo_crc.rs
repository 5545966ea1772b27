//! `pomelo-crc`: the chat tutorial's dispatch, bit for bit.

use super::{CRC_32, Candidate, Look, Moves, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    moves: Moves::Many,
    ..StrategyEntry::sticky(
        "pomelo-crc",
        "as the tutorial: abs(signed crc32 of the key's UTF-16 low bytes) mod n",
        |_, _| Box::new(PomeloCrc::default()),
    )
};

/// Computes `Math.abs(crc.crc32(key)) % servers.length` as Node does with npm `crc` 0.2.0, which
/// hashes `charCodeAt(i) & 0xff` (not UTF-8) and returns a *signed* number. With a plain unsigned
/// CRC, a third of all keys would go elsewhere at three servers.
#[derive(Clone, Default, Debug)]
pub struct PomeloCrc {
    servers: u32,
}

impl Strategy for PomeloCrc {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.servers = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        // `unsigned_abs`: abs(-2^31) is 2^31 in JavaScript and an overflow in i32.
        let hash = Self::signed_crc(key).unsigned_abs();
        hash.checked_rem(self.servers).map(|index| index as usize)
    }

    fn explain(&self, key: &str) -> String {
        let crc = Self::signed_crc(key);
        match crc.unsigned_abs().checked_rem(self.servers) {
            None => format!("signed crc {crc}"),
            Some(index) => format!("signed crc {crc}, abs mod {} = {index}", self.servers),
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

impl PomeloCrc {
    /// The number that `crc32` of npm `crc` 0.2.0 returns for `key`.
    pub fn signed_crc(key: &str) -> i32 {
        if key.is_ascii() {
            return CRC_32.checksum(key.as_bytes()).cast_signed();
        }
        let mut digest = CRC_32.digest();
        for unit in key.encode_utf16() {
            digest.update(&[unit.to_le_bytes()[0]]);
        }
        digest.finalize().cast_signed()
    }
}
