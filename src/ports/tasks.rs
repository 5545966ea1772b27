//! The tasks of a port: one that accepts, one that checks timeouts, and a reader for each
//! connection.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;

use super::connection::Connection;
use super::places::Place;
use super::port_core::{Limit, PortCore};
use super::stream::Stream;
use super::{CloseReason, ConnectionTimeouts, PortOptions};

/// How often connections are checked for timeouts.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// How long an ended connection may take to read its last bytes.
const LINGER: Duration = Duration::from_secs(2);

/// How often a newcomer asks for a place while another port makes one; twice a sweep.
const ASKS_MAX: usize = 6;

/// How late a sweep may be. What is later shows that the process did not run: it was stopped, or
/// its processor was.
const LATE: Duration = Duration::from_millis(200);

/// The pause after a failed accept: the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the port stops accepting.
pub(super) async fn accept(core: Rc<PortCore<TcpStream>>, listener: TcpListener) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                failing = false;
                while core.paused.get() {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // Frames are already collected before they are written; Nagle's algorithm would
                // only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    let server = &core.options.server;
                    log::debug!("cannot set nodelay server={server} peer={peer} error={error}");
                }
                let mut limit = core.limit(peer);
                if limit.is_none() && !has_place(&core).await {
                    limit = Some(Limit::Cluster);
                }
                core.accepted(stream, peer, limit);
            }
            Err(error) => {
                // Accepting fails again and again until a connection closes; one warning is enough.
                if !std::mem::replace(&mut failing, true) {
                    log::warn!("cannot accept server={} error={error}", core.options.server);
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the cluster has a place for a newcomer. Waits a moment if another port must make one.
async fn has_place(core: &Rc<PortCore<TcpStream>>) -> bool {
    for _ in 0..ASKS_MAX {
        match core.ask_for_place() {
            Place::Free => return true,
            Place::Full | Place::Displace => return false,
            Place::Asked => tokio::time::sleep(SWEEP_EVERY / 2).await,
        }
    }
    false
}

/// Reads one connection until it ends, then removes its row; nothing else does. Kept small: there
/// is one task a client.
pub(super) async fn read<S: Stream>(core: Rc<PortCore<S>>, index: usize, stream: Rc<S>) {
    let reason = loop {
        if stream.readable().await.is_err() {
            break CloseReason::Io;
        }
        poll_fn(|cx| match core.may_read(index, cx.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        match core.read_once(index, &stream) {
            // A client that sends without end shares the thread with the others.
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break CloseReason::Client,
            Err(_) => break CloseReason::Io,
        }
    };
    let table = &mut *core.table.borrow_mut();
    core.end(table, index, core.now(), reason, "");
    table.remove(index);
    core.ended.notify_waiters();
}

/// Resumes writing when a full socket has room again.
pub(super) async fn unblock<S: Stream>(core: Weak<PortCore<S>>, index: usize, stream: Rc<S>) {
    let writable = stream.writable().await;
    let Some(core) = core.upgrade() else { return };
    let table = &mut *core.table.borrow_mut();
    // The row may belong to another connection by now. A session may change its row, but a stream
    // never does.
    let is_its_row = |row: &&mut Connection<S>| Rc::ptr_eq(&row.stream, &stream);
    let Some(connection) = table.rows.get_mut(index).filter(is_its_row) else { return };
    connection.blocked = false;
    match writable {
        Ok(()) => core.write(table, index),
        Err(_) => connection.shut(Shutdown::Both),
    }
}

/// One timer for all connections: one for each would cost more than the connection.
pub(super) async fn sweep<S: Stream>(core: Weak<PortCore<S>>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Some(mut last) = core.upgrade().map(|core| core.now()) else { return };
    loop {
        ticks.tick().await;
        let Some(core) = core.upgrade() else { return };
        let now = core.now();
        let gap = now.since(std::mem::replace(&mut last, now)).saturating_sub(SWEEP_EVERY);
        if core.paused.get() {
            continue;
        }
        let table = &mut *core.table.borrow_mut();
        if gap >= LATE {
            // The time in which nobody was read counts against nobody.
            table.rows.iter_mut().for_each(|(_, row)| row.postpone(gap));
            table.resume.iter_mut().for_each(|resume| resume.postpone(gap));
        }
        table.batches.shrink();
        let has_heartbeats = core.options.timeouts.heartbeat.is_some();
        let (mut overdue, mut pinged, mut displaceable) = (Vec::new(), Vec::new(), 0);
        for (index, connection) in &mut table.rows {
            connection.outbox.shrink();
            let may_stay = connection.has_sent_message && has_heartbeats;
            displaceable += usize::from(connection.has_place && !may_stay);
            if connection.ping_if_silent(now, &core.options, &table.batches) {
                pinged.push(index);
            }
            match connection.ending {
                Some((_, since)) if now.since(since) >= LINGER => connection.shut(Shutdown::Both),
                Some(_) => {}
                None => overdue.extend(connection.overdue(now, &core.options).map(|reason| (index, reason))),
            }
        }
        // Ended after the loop, which borrows the rows.
        for (index, reason) in overdue {
            core.end(table, index, now, reason, &overdue_words(reason, &core.options));
        }
        pinged.into_iter().for_each(|index| core.write(table, index));
        core.expire(table, now);
        table.fault_log.sweep(now, &core.options.server);
        table.share.set_displaceable(displaceable);
        for _ in 0..table.share.wanted() {
            if !core.displace(table) {
                break;
            }
        }
    }
}

/// The timeout that expired, and the flag that sets it.
fn overdue_words(reason: CloseReason, options: &PortOptions) -> String {
    let ConnectionTimeouts { handshake, ack, heartbeat } = options.timeouts;
    match reason {
        CloseReason::HandshakeTimeout => format!("no handshake for {handshake:?} (--handshake-timeout)"),
        CloseReason::AckTimeout => format!("no acknowledgement for {ack:?} (--handshake-timeout)"),
        CloseReason::HeartbeatTimeout => {
            format!("no heartbeat for {:?} (twice --heartbeat)", heartbeat.unwrap_or_default())
        }
        CloseReason::IdleTimeout => {
            format!("no byte for {:?} (--idle-timeout)", options.cluster.idle_timeout)
        }
        CloseReason::MessageTimeout => {
            format!("a message did not end in {:?} (--message-timeout)", options.cluster.message_timeout)
        }
        _ => String::new(),
    }
}
