//! The console: a running cluster in a browser, as an API over HTTP, and as metrics.
//!
//! ```text
//!  cluster ◀─ view, events, trace ─ sampler ─▶ board ─▶ streams, /picture, /history, /metrics
//!     ▲       once a second         thread     JSON,      one thread of hyper a door, which never waits
//!     │                                        once         │
//!     └────────────── orders ◀── a pool of threads ◀── table ◀── guard ◀── requests
//! ```
//!
//! Nothing of it runs on the cluster's thread but the answers to what it asks, and who watches
//! costs the cluster nothing: all see what one look a second has put on the board (`board.rs`). A
//! reader who is slow misses pictures, and holds up nobody.
//!
//! It is served at one or two [doors](Door): that of the console has pages and the API, that of the
//! [admin port](crate::admin) the API alone, and nothing without the token. What the API has is one
//! row of a table each: [`ORDERS`](crate::orders::ORDERS) to the cluster, and [`OWN`] of the
//! console.
//!
//! `guard.rs` decides who may ask, before anything else is looked at: a page of another name, of
//! another origin, or without the token gets nothing done. The token is on the page for readers on
//! this machine who are the same user (`owner.rs`).

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

/// Connections that an admin port serves at a time; others wait.
pub const ADMIN_CONNECTIONS_MAX: usize = 16;

/// An open port, and what is served there.
pub struct Door {
    listener: TcpListener,
    has_pages: bool,
    /// Whether its page gets the token when its reader seems to be this user.
    hands_token: bool,
    /// Connections that are served at a time; others wait.
    connections_max: usize,
}

impl Door {
    /// Pages and the API. To look, nobody needs the token.
    pub fn console(listener: TcpListener) -> Self {
        Self { listener, has_pages: true, hands_token: true, connections_max: 256 }
    }

    /// The API alone, for those who have the token.
    pub fn admin(listener: TcpListener) -> Self {
        Self { listener, has_pages: false, hands_token: false, connections_max: ADMIN_CONNECTIONS_MAX }
    }

    /// Gives the token to no page: its readers paste it. A program of this user that forwards a
    /// port for others cannot always be told from a browser.
    pub fn without_token(self) -> Self {
        Self { hands_token: false, ..self }
    }
}

/// The console of one cluster. Dropping it ends it.
pub struct Console {
    shared: Arc<Shared>,
    sampler: Option<Sampler>,
    servers: Vec<Server>,
}

impl Console {
    /// Serves at these doors.
    ///
    /// # Errors
    /// The system gives no thread, or a listener is none.
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

    /// Takes no more orders, lets those in flight be answered, and ends; and with it robots and
    /// streams. Nothing of it holds the cluster then.
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
