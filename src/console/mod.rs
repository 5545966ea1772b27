//! The console: a running cluster in a browser, as an API over HTTP, and as metrics.
//!
//! ```text
//!  cluster ◀─ view, events, trace ─ sampler ─▶ board ─▶ streams, /picture, /history, /metrics
//!     ▲       once a second         thread     JSON,      one thread of hyper a door, which never waits
//!     │                                        once         │
//!     └────────────── orders ◀── a pool of threads ◀── table ◀── guard ◀── requests
//! ```
//!
//! On the cluster's thread only its queries are answered. Readers cost the cluster nothing: all of
//! them see the board (`board.rs`), which is written once a second. A slow reader misses pictures,
//! and delays nobody.
//!
//! It is served at one or two [doors](Door): the console's has pages and the API, that of the
//! [admin port](crate::admin) has only the API, and requires the token for everything. Each part of
//! the API is one row of a table: [`ORDERS`](crate::orders::ORDERS) to the cluster, and [`OWN`] of
//! the console.
//!
//! `guard.rs` decides first which requests are accepted: a page of another name, of another origin,
//! or without the token changes nothing. Pages for the same user on this machine contain the token
//! (`owner.rs`).

mod about;
mod answer;
mod assets;
mod board;
mod bodies;
mod guard;
mod guide;
mod metrics;
mod own;
mod owner;
mod pages;
mod request;
mod robots;
mod sampler;
mod server;
mod stream;
mod tail;
mod target;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

pub use assets::Asset;
pub use guard::Sender;
pub use own::OWN;

use self::board::Board;
use self::robots::Robots;
use self::sampler::Sampler;
use self::server::{Server, Shared};
use self::stream::Streams;
use crate::admin::Token;
use crate::orders::Orders;

/// Connections that an admin port serves at once; others wait.
pub const ADMIN_CONNECTIONS_MAX: usize = 16;

/// An open port, and what it serves.
pub struct Door {
    listener: TcpListener,
    has_pages: bool,
    /// Whether its page gets the token when its reader seems to be this user.
    hands_token: bool,
    /// Connections that are served at once; others wait.
    connections_max: usize,
}

impl Door {
    /// Pages and the API. Reading needs no token.
    pub fn console(listener: TcpListener) -> Self {
        Self { listener, has_pages: true, hands_token: true, connections_max: 256 }
    }

    /// Only the API, with the token.
    pub fn admin(listener: TcpListener) -> Self {
        Self { listener, has_pages: false, hands_token: false, connections_max: ADMIN_CONNECTIONS_MAX }
    }

    /// Gives the token to no page: its readers paste it. A program of this user that forwards a
    /// port for others cannot always be told from a browser.
    pub fn without_token(self) -> Self {
        Self { hands_token: false, ..self }
    }
}

/// The console of one cluster. Dropping it stops it.
pub struct Console {
    shared: Arc<Shared>,
    sampler: Option<Sampler>,
    servers: Vec<Server>,
}

impl Console {
    /// Serves at these doors.
    ///
    /// The system refuses a thread, or a listener is not valid.
    pub fn start(doors: Vec<Door>, token: Token, orders: Orders) -> io::Result<Self> {
        let robots = Arc::new(Robots::new(orders.cluster.timeline()));
        let target = Arc::new(target::Target::new(orders));
        let board = Arc::new(Board::new(&robots.status()));
        let sampler = Sampler::start(Arc::clone(&target), Arc::clone(&board), Arc::clone(&robots))?;
        let (streams, busy) = (Streams::default(), Arc::default());
        let shared = Arc::new(Shared { token, target, board, robots, streams, busy });
        let start = |door| Server::start(door, Arc::clone(&shared));
        let servers = doors.into_iter().map(start).collect::<io::Result<_>>()?;
        Ok(Self { shared, sampler: Some(sampler), servers })
    }

    /// Refuses further orders, answers those in flight, and ends, with robots and streams.
    /// Afterwards it holds no reference to the cluster.
    pub fn end(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.shared.target.let_go();
        self.shared.robots.end();
        self.sampler = None;
        self.servers.iter_mut().for_each(Server::end);
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.close();
    }
}
