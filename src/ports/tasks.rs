//! The tasks of a port: one that accepts, one that checks timeouts, and a reader for each
//! connection.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::connection::Connection;
use super::port_core::PortCore;
use super::stream::Stream;
use super::{CloseReason, ConnectionTimeouts, PortOptions};

/// How often connections are checked for timeouts.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// How long an ended connection may take to read its last bytes.
const LINGER: Duration = Duration::from_secs(2);

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
                core.accepted(stream, peer);
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
    loop {
        ticks.tick().await;
        let Some(core) = core.upgrade() else { return };
        if core.paused.get() {
            continue;
        }
        let now = core.now();
        let table = &mut *core.table.borrow_mut();
        table.batches.shrink();
        let mut overdue = Vec::new();
        for (index, connection) in &mut table.rows {
            connection.outbox.shrink();
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
        core.expire(table, now);
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
        _ => String::new(),
    }
}
