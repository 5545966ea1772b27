//! The connections of a port: its rows, their places, and the outboxes to write.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;

use slab::Slab;

use super::batch::{BatchId, Batches};
use super::connection::Connection;
use super::fault_log::FaultLog;
use super::kept::Found;
use super::places::Share;
use super::queue::Queue;
use super::resume::Resume;
use super::stream::Stream;
use super::{PortOptions, PortSnapshot};
use crate::ids::{SessionId, counted_as};

/// The connections of a port.
pub(super) struct Table<S> {
    pub(super) rows: Slab<Connection<S>>,
    /// Rows over the limit.
    pub(super) over_limit: usize,
    /// Rows that may be displaced.
    pub(super) queue: Queue,
    /// The port's share of the cluster's places.
    pub(super) share: Arc<Share>,
    /// Bytes of messages that have not arrived completely, of all rows.
    pub(super) unfinished_bytes: usize,
    /// Places taken by the other rows and by sessions that wait for their clients.
    pub(super) places: usize,
    /// The same by [address](counted_as); counted only if connections per address are limited.
    pub(super) by_address: HashMap<IpAddr, usize>,
    /// Rows whose outbox is to be written.
    pub(super) dirty: Vec<usize>,
    /// Output shared by many rows.
    pub(super) batches: Batches,
    /// Sessions that may outlive their connections, if the options allow it.
    pub(super) resume: Option<Resume>,
    pub(super) counted: PortSnapshot,
    pub(super) fault_log: FaultLog,
}

impl<S: Stream> Table<S> {
    pub(super) fn new(resume: Option<Resume>, share: Arc<Share>) -> Self {
        Self {
            rows: Slab::new(),
            over_limit: 0,
            queue: Queue::default(),
            share,
            unfinished_bytes: 0,
            places: 0,
            by_address: HashMap::new(),
            dirty: Vec::new(),
            batches: Batches::default(),
            resume,
            counted: PortSnapshot::default(),
            fault_log: FaultLog::default(),
        }
    }

    /// Removes a row whose connection has ended.
    pub(super) fn remove(&mut self, index: usize) {
        let Some(connection) = self.rows.try_remove(index) else { return };
        self.unfinished_bytes -= connection.unfinished_bytes;
        if let Some(batch) = connection.outbox.joined() {
            self.batches.parted(batch);
        }
        if connection.dirty {
            self.dirty.retain(|dirty| *dirty != index);
        }
        if connection.is_over_limit {
            self.over_limit -= 1;
        } else if connection.has_place {
            self.give_place(connection.peer);
        }
        // A task that waits to write would otherwise hold the socket for as long as its client
        // likes.
        connection.shut(Shutdown::Both);
    }

    /// Takes a place for a connection of that address.
    pub(super) fn take_place(&mut self, peer: SocketAddr, options: &PortOptions) {
        self.places += 1;
        self.share.take();
        if options.cluster.connections_per_address_max.is_some() {
            *self.by_address.entry(counted_as(peer)).or_default() += 1;
        }
    }

    /// How many places clients of that address have; 0 if they are not counted.
    pub(super) fn places_from(&self, peer: SocketAddr) -> usize {
        self.by_address.get(&counted_as(peer)).copied().unwrap_or(0)
    }

    /// Gives a place back.
    pub(super) fn give_place(&mut self, peer: SocketAddr) {
        self.places -= 1;
        self.share.give();
        if let Entry::Occupied(mut count) = self.by_address.entry(counted_as(peer)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.rows.len() - self.over_limit
    }

    /// Where a session is that has not ended.
    pub(super) fn find(&self, session: SessionId) -> Option<Found> {
        if let Some(index) = self.open_row(session) {
            return Some(Found::Row(index));
        }
        // A session that has changed its connection is not where its number says.
        self.resume.as_ref()?.find(session, &self.rows)
    }

    /// The batch that takes the next frame for these recipients, if there is one.
    pub(super) fn batch_for(&self, recipients: &Arc<[SessionId]>) -> Option<BatchId> {
        // Either all recipients that are connected are in the batch, or none is: one is enough to
        // look at.
        let mut rows = recipients.iter().filter_map(|session| self.open_row(*session));
        let batch = self.rows[rows.next()?].outbox.joined()?;
        self.batches.is_for(batch, recipients).then_some(batch)
    }

    /// Begins a batch with all recipients that are connected.
    pub(super) fn begin_batch(&mut self, recipients: &Arc<[SessionId]>) -> BatchId {
        let batch = self.batches.open(recipients);
        for session in recipients.iter() {
            let Some(index) = self.open_row(*session) else { continue };
            let connection = &mut self.rows[index];
            // The list may name a session twice: it must be counted once.
            if connection.outbox.joined() == Some(batch) {
                continue;
            }
            // The other batch ends here: this client would get its later frames in the wrong order.
            if let Some(other) = connection.outbox.join(batch, &self.batches) {
                self.batches.close(other);
            }
            self.batches.joined(batch, connection.outbox.form);
            if !std::mem::replace(&mut connection.dirty, true) {
                self.dirty.push(index);
            }
        }
        batch
    }

    /// The row that a session's number names, if it is open.
    fn open_row(&self, session: SessionId) -> Option<usize> {
        let index = session.slot() as usize;
        self.rows.get(index).is_some_and(|row| row.session == session && row.is_open()).then_some(index)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::net::TcpStream;

    use super::{PortOptions, Table};
    use crate::cluster::Options;
    use crate::ports::{ConnectionTimeouts, Places};

    #[test]
    fn an_ipv6_client_has_the_places_of_its_network() {
        let second = Duration::from_secs(1);
        let options = PortOptions {
            server: "connector-server-1".into(),
            offer: Arc::default(),
            timeouts: ConnectionTimeouts { handshake: second, ack: second, heartbeat: None },
            connections_max: None,
            cluster: Options { connections_per_address_max: Some(2), ..Options::default() },
            serials: Arc::default(),
            places: Places::default(),
        };
        let mut table = Table::<TcpStream>::new(None, options.places.share());
        let peer = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (one, other) = (peer("[2001:db8:1:2::1]:1"), peer("[2001:db8:1:2:ffff::9]:2"));
        table.take_place(one, &options);
        table.take_place(other, &options);
        table.take_place(peer("[::ffff:10.0.0.1]:3"), &options);
        assert_eq!((table.places_from(one), table.places_from(other)), (2, 2));
        assert_eq!(table.places_from(peer("[2001:db8:1:3::1]:1")), 0);
        assert_eq!(table.places_from(peer("10.0.0.1:4")), 1);
        assert_eq!(table.places_from(peer("10.0.0.2:4")), 0);
        table.give_place(other);
        assert_eq!(table.places_from(one), 1);
        table.give_place(one);
        assert!(table.by_address.len() == 1, "no row stays behind: {:?}", table.by_address);
    }
}
