//! The console: a running cluster in a browser, as an API over HTTP, and as metrics.
//!
//! ```text
//!  cluster ◀─ view, events, trace ─ sampler ─▶ board ─▶ streams, /picture, /history, /metrics
//!     ▲       once a second         thread     JSON,      one thread of hyper, which never waits
//!     │                                        once         │
//!     └────────────── orders ◀── a pool of threads ◀── routes ◀── guard ◀── requests
//! ```
//!
//! Nothing of it runs on the cluster's thread but the answers to what it asks, and who watches costs the cluster nothing: all
//! see what one look a second has put on the board (`board.rs`). A reader who is slow misses pictures, and holds up nobody.
//!
//! An order is one line of a table (`routes.rs`): method and path, the order's name on the [admin port](crate::admin), and
//! where its arguments come from. From there on it is the same order: the same checks, the same answer.
//!
//! `guard.rs` decides who may ask, before anything else is looked at: a page of another name, of another origin, or without
//! the token gets nothing done. The token is on the page for readers on this machine who are the same user (`owner.rs`).

mod about;
mod answer;
mod assets;
mod board;
mod failure;
mod guard;
mod metrics;
mod owner;
mod pages;
mod path;
mod request;
mod robots;
mod routes;
mod sampler;
mod server;
mod stream;
mod tail;
mod target;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

pub use assets::{ASSETS, Asset};
pub use failure::Failure;
pub use guard::Sender;
pub use routes::{Method, Own, ROUTES, Route, Target};

use self::board::Board;
use self::robots::Robots;
use self::sampler::Sampler;
use self::server::{Server, Shared};
use self::stream::Streams;
use crate::admin::{Orders, Token};
use crate::live::RunningCluster;

/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Connections that are served at a time; others wait.
pub const CONNECTIONS_MAX: usize = 256;

/// The console of one cluster. Dropping it ends it.
pub struct Console {
    address: SocketAddr,
    target: Arc<target::Target>,
    robots: Arc<Robots>,
    sampler: Option<Sampler>,
    server: Server,
}

impl Console {
    /// Serves on an open listener.
    ///
    /// # Errors
    /// The system gives no thread, or the listener is none.
    pub fn start(
        listener: TcpListener,
        token: Token,
        cluster: Arc<RunningCluster>,
        orders: Arc<dyn Orders>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let robots = Arc::new(Robots::new(cluster.timeline()));
        let target = Arc::new(target::Target::new(cluster, orders));
        let board = Arc::new(Board::new(&robots.status()));
        let sampler = Sampler::start(Arc::clone(&target), Arc::clone(&board), Arc::clone(&robots))?;
        let shared = Shared {
            token,
            target: Arc::clone(&target),
            board,
            robots: Arc::clone(&robots),
            streams: Streams::default(),
            busy: Arc::default(),
        };
        let server = Server::start(listener, shared)?;
        Ok(Self { address, target, robots, sampler: Some(sampler), server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more orders, lets those under way be answered, and ends; and with it robots and streams. Nothing of it
    /// holds the cluster then.
    pub fn end(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.target.let_go();
        self.robots.end();
        self.sampler = None;
        self.server.end();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.close();
    }
}
