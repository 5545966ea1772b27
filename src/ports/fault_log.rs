//! Log lines about clients' faults, limited: a client that breaks the protocol again and again gets
//! a few lines and then a count.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::CloseReason;
use crate::ids::ServerId;
use crate::time::Time;

/// Lines about one kind of fault from one address in each [`WINDOW`].
const LINES_MAX: u32 = 5;

/// How long faults are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// Kinds and addresses that are counted apart. Beyond these, all faults of a kind count together.
const COUNTED_MAX: usize = 1024;

/// The faults of a port's clients in the current window.
#[derive(Default)]
pub(super) struct FaultLog {
    began: Time,
    /// By kind and address; `None` stands for all addresses beyond the limit.
    faults: BTreeMap<(CloseReason, Option<IpAddr>), u32>,
}

impl FaultLog {
    /// Counts a fault. True if it gets its own line.
    pub(super) fn admits(&mut self, reason: CloseReason, address: IpAddr) -> bool {
        let key = (reason, Some(address.to_canonical()));
        let is_counted = self.faults.contains_key(&key) || self.faults.len() < COUNTED_MAX;
        let count = self.faults.entry(if is_counted { key } else { (reason, None) }).or_default();
        *count = count.saturating_add(1);
        *count <= LINES_MAX
    }

    /// Ends the window when it is over: what got no line is reported as a count.
    pub(super) fn sweep(&mut self, now: Time, server: &ServerId) {
        if now.since(self.began) < WINDOW {
            return;
        }
        self.began = now;
        for ((reason, address), count) in
            std::mem::take(&mut self.faults).into_iter().filter(|(_, count)| *count > LINES_MAX)
        {
            let more = count - LINES_MAX;
            let address = address.map_or("several".to_owned(), |address| address.to_string());
            log::warn!("connections ended server={server} address={address} reason={reason:?} more={more}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_kind_and_address_has_its_lines() {
        let mut log = FaultLog::default();
        let lines = |log: &mut FaultLog, reason, last: u8| {
            let address = Ipv4Addr::new(10, 0, 0, last).into();
            (0..100).filter(|_| log.admits(reason, address)).count()
        };
        assert_eq!(lines(&mut log, CloseReason::BadPackage, 1), 5);
        assert_eq!(lines(&mut log, CloseReason::BadMessage, 1), 5);
        assert_eq!(lines(&mut log, CloseReason::BadPackage, 2), 5);
        assert_eq!(lines(&mut log, CloseReason::BadPackage, 1), 0);
        log.sweep(Time::START + WINDOW, &"gate-1".into());
        assert_eq!(lines(&mut log, CloseReason::BadPackage, 1), 5);
    }

    #[test]
    fn many_addresses_take_bounded_memory_and_share_lines() {
        let mut log = FaultLog::default();
        let admitted = (0..100_000_u32)
            .filter(|address| log.admits(CloseReason::BadPackage, Ipv4Addr::from(*address).into()))
            .count();
        assert_eq!(log.faults.len(), COUNTED_MAX + 1);
        assert_eq!(admitted, COUNTED_MAX + LINES_MAX as usize);
    }
}
