//! A NetEase Pomelo cluster in one process: gate, connectors and chat servers as actors, with real client ports.
//!
//! This page is the architecture. The [guide] says how to use the program; each module's head says how it works.
//!
//! # The idea
//!
//! `config/servers.json` describes a Pomelo cluster. Here every configured server is an actor, its address keyed by its
//! id, and one router actor carries every message between them and picks servers with a dispatch strategy. Clients notice
//! no difference: the ports are real, and unmodified Pomelo clients chat on them.
//!
//! **What a server does is a plain state machine that knows no actor, socket or clock.** It takes one
//! [`Delivery`](servers::Delivery) and fills an [`Outbox`](servers::Outbox). The router is one too. Actors and ports are
//! shells around them; the tests run the same machines without any shell, and experiments run them on a virtual clock.
//!
//! # The way of one message
//!
//! ```text
//!  bytes ─▶ ports ─────────▶ live ─────────▶ servers ───────▶ live ─────▶ router ─▶ live ─▶ servers
//!          websocket | tcp   actor of the    connector:       router's    route,            chat:
//!          package           connector       filters, session actor       strategy          room
//!                                                                                             │
//!  bytes ◀─ ports ◀───────── live ◀───────── servers ◀─────── live ◀───── router ◀─ live ◀────┘
//!          one write a       when the        connector:       one envelope a connector:
//!          changed outbox    mailbox is      which sessions   the members' sessions there,
//!                            drained                          and the push, encoded once
//! ```
//!
//! A chat message is parsed once and its push encoded once, as a Pomelo package with a WebSocket header in front, for all
//! members on both transports. It goes to each connector that holds members once, and is copied there once, into a batch
//! of which each member's outbox only knows its part. When the connector's mailbox is empty, every outbox that changed is
//! written in one write.
//!
//! What costs most is a write to a socket, and then a message between actors. So both are paid once for everything that
//! comes together: a mailbox is drained in one turn of the thread, and what the actor has said meanwhile goes on in one
//! message to each who hears it (`live/server_actor`, `live/router_actor.rs`). The more there is to do, the less each of
//! it costs; when there is one message, nothing waits. `benches/fanout` holds this against a server that does nothing else
//! than the writes.
//!
//! # Two clocks
//!
//! [`live`] runs the machines on actors, ports and this machine's clock. [`virtual_time`] runs them on an event queue: an
//! integer number of nanoseconds that moves from event to event, servers that take what a cost model says, people drawn
//! from a seed. The same router, strategies, links and servers, so what an experiment says of a strategy is said of the
//! code that serves; `tests/live/virtual_worlds.rs` plays one script on both and compares what clients hear.
//!
//! **When servers come, stop, hang, crash and come back is decided once**, by the pure [`supervisor`]. [`live`] carries its
//! decisions out on actors and ports; the [`world`] does on the machines alone, in the order of sending, as a seed draws it,
//! or with costs. Virtual time, tests and storms drive the world, so they stop a server just as production does.
//!
//! A [`scenario`] is a value of its own; [`experiments`] run it under each strategy, many times, on either clock, and make
//! reports of what came. [`placement`] asks strategies for millions of keys without any time. [`verify`] holds all of it
//! against what is known. Whatever has chance draws from streams that are named after what they are for, so two strategies
//! meet the same people, arrivals and costs, and the same seed gives the same bytes.
//!
//! # Who looks
//!
//! Machines count what they do where they do it ([`stats::Histogram`], counters), without a clock or an allocation of their
//! own; [`live::ClusterView`] is all of it at one moment, [`monitor`] makes rates and percentiles of two of those, and `top`,
//! [`console`] and `/metrics` show the same [`Picture`](monitor::Picture). Who looks is answered beside what changes the cluster, and never waits for
//! it. The console has a thread of its own and looks once a second, for all who watch. A [`trace`] follows single messages, only
//! while somebody watches. Whatever changes the cluster is one [order](orders::Order), whether it comes from a command, a script or a page: all of them
//! speak HTTP, to the console or to the [admin port](admin).
//!
//! # Floors
//!
//! A module imports only from floors below its own; `tests/pure/floors.rs` holds that. Below floor 4 nothing knows a
//! socket, a clock, an actor, or chance that is not drawn from a seed.
//!
//! | floor | module | what is in it |
//! |---|---|---|
//! | 0 | [`ids`], [`time`] | names and moments: no bare string or number stands for one |
//! | 0 | [`guide`] | the guide: one page a subject, printed, served and tested |
//! | 0 | [`random`] | chance as named streams of one seed |
//! | 1 | [`wire`] | Pomelo's bytes: packages, messages, handshake, dictionary, protobuf |
//! | 1 | [`strategies`] | key to server: one file each, one table |
//! | 1 | [`stats`] | how even a load is, how sure a mean is |
//! | 1 | [`channels`] | who hears what: the rooms of a server |
//! | 1 | [`judge`] | who sent what to whom, who got it, and whether that is as it must be |
//! | 1 | [`trace`] | the way of single messages, step by step, for whoever watches |
//! | 2 | [`config`] | `servers.json` and its neighbours: raw shapes to a checked [`ClusterSpec`](config::ClusterSpec), as Pomelo takes them |
//! | 2 | [`envelope`] | what servers say to each other |
//! | 3 | [`router`] | routes, links, the servers of each type, which session has which uid, who is in which room |
//! | 3 | [`servers`] | the programming model, its host, and the tutorial's gate, connector and chat |
//! | 4 | [`audit`] | what must hold of a cluster, checked |
//! | 4 | [`client`] | a client of the protocol: without a socket, on one of std, on one of tokio |
//! | 4 | [`cluster`] | what a cluster is made of, and the plan that comes of it |
//! | 4 | [`logging`] | log lines, queued for a stderr that may stall |
//! | 4 | [`placement`] | where a strategy puts millions of keys |
//! | 4 | [`scenario`] | what an experiment asks: a JSON file to a checked value |
//! | 4 | [`program`] | the command that started the process, for hints |
//! | 4 | [`supervisor`] | the life of servers: how they come up, hang, stop, crash and come back |
//! | 4 | [`whole_file`] | files that nobody ever sees half of |
//! | 5 | [`ports`] | client ports: sockets, transports, the states of a connection |
//! | 5 | [`robots`] | clients that load any chat of Pomelo's protocol, and judge what they get |
//! | 5 | [`world`] | a whole cluster without actors, sockets or real time, under a policy that says what happens next |
//! | 6 | [`live`] | router and servers as actix actors: start, stop, and orders to a cluster that runs |
//! | 6 | [`virtual_time`] | the same router and servers on an event queue, with virtual people |
//! | 7 | [`orders`] | orders to a running cluster: typed, one row each in one table, and carried out |
//! | 7 | [`monitor`] | what a cluster does, second by second: rates, percentiles, balance |
//! | 7 | [`verify`] | what is known from theory and published tables, measured anew |
//! | 7 | [`experiments`] | scenarios run under many strategies, many times: results, verdicts, reports |
//! | 8 | [`admin`] | where the admin port of a cluster is, and how a command gives orders there |
//! | 9 | [`console`] | the running cluster in a browser, over HTTP, and as metrics |
//! | 10 | [`cli`] | one file a command |
//!
//! # What is deliberately absent
//!
//! - Global state: two clusters can live in one process, and tests do so, on port 0.
//! - A parse before a bound: every length from outside is checked before it is believed.
//! - A message dropped in silence: what cannot be delivered is answered if somebody waits, and counted.
//! - A task, timer or actor per session: a session is a row in its port's table and one lean reader.
//! - Reflection and macros in the programming model: a handler is a function and a line in
//!   [`register`](servers::ServerLogic::register).
//!
//! # Order and failure
//!
//! 1. A request gets one answer, a result or an error, by its deadline, whatever panics, hangs, vanishes, moves or is cut
//!    off. What was answered with an error at its deadline is not done afterwards.
//! 2. What was acknowledged reaches every member of the room once, in the order in which it was accepted. What a handler
//!    pushes to a session comes before the response to that session; while a frontend works for a session, the session's
//!    later messages wait.
//! 3. A room is on one server. When servers come, go, or come back, or are chosen by another strategy, the rooms that change
//!    owner are handed over with their members, and their traffic waits in the router: [`router`] says how. Nobody is told that anybody left.
//! 4. A uid is bound once in the cluster: the router keeps them. A closed session leaves its rooms once, and its uid is free
//!    only when they have heard so and nothing is under way for it any more.
//! 5. A crash is contained. A panic in a handler fails that request, and nothing that it did has happened; the server starts
//!    again, slower each time, and gets its rooms back from what the router knows of the sessions. A server that vanishes is
//!    as if it had never said what it had not said yet: each delivery's messages are carried whole or not at all.
//! 6. A client costs only itself: what waits for it to read is bounded, and so are its messages under way; while there
//!    are more, nothing is read from it. A link or a hanging server holds so much, then calls are answered with 503, and
//!    sessions that miss a push are kicked, since they could not know.
//! 7. Bad input ends that connection, or is answered where the protocol can; it is counted by kind.
//! 8. With `resume`, the session of a client that says it can come back outlives its connection:
//!    one that does in time gets what it missed once and in order, and the servers notice nothing.
//!    Any other client's ends with its connection.
//! 9. A stop takes no more clients, answers what is in flight, and closes: a WebSocket is told why
//!    in its close frame, which raw TCP does not have. With `kick_on_stop` every client is told by
//!    a kick, after which some never come back.
//!
//! Orders that change servers are carried out one after the other; whoever looks is answered beside them, from one roster that
//! shows each state at once (`live/queries`). What servers and router count costs no allocation, and one look at the clock
//! for all that comes together: latencies in a [`Histogram`](stats::Histogram) a server, envelopes between each two where they
//! arrive, pushes in their channel.
//!
//! Between servers there are links: streams, as TCP's, that rules make slow, lossy or cut ([`router::links`]). Loss costs time;
//! a cut holds everything until it heals. The router itself is no server and has no links: it is the ground that all stand on.
//!
//! [`audit`] states in code what must hold whenever nothing is on its way, [`judge`] what clients must see. Storms, drawn
//! from seeds, are held against them: `tests/pure/storm_pure.rs` on the machines alone, a thousand in a second;
//! `tests/storm/main.rs` over real sockets. What they found is played step by step in `tests/pure/races.rs`.
//!
//! # Adding things
//!
//! | to add | touch |
//! |---|---|
//! | a dispatch strategy | one file in `strategies/`, its name in `strategies/mod.rs`; `--help`, laws and benches pick it up |
//! | a handler | one function and one line in the type's `register` |
//! | a server type | implement [`ServerLogic`](servers::ServerLogic) and give it to [`Cluster::server_type`](cluster::Cluster::server_type) |
//! | a fault of a link | implement [`Rule`](router::links::Rule), or describe a [`LinkRule`](router::LinkRule) |
//! | something that must hold | one [`Law`](audit::Law) |
//! | an experiment | one file in `config/experiments/` |
//! | a metric | one line in [`stats::METRICS`], one in the engine that gives it, and its row in `config/experiments/README.md`, which `experiment schema` prints |
//! | something that is known | one line in [`verify::ALL`] |
//! | a form of report | one file in `experiments/report/`, one line in its [table](experiments::report::EXPORTERS) |
//! | a command | one file in `cli/`, its line in the enum of `cli/mod.rs` |
//! | a limit of sessions or connections | its field in `servers/limits.rs` or `cluster/options.rs`, its flag in `cli/serve/args.rs`, and the code of `servers/host` or `ports` that keeps it |
//! | an order to a running cluster | a variant of [`Order`](orders::Order) with its row of [`ORDERS`](orders::ORDERS), an arm of [`carry_out`](orders::Orders::carry_out), its command in `cli/`; the README's table has a line of each |
//! | a panel of the console | a file in `console/web/console/`, which brings its section of the page, and its line in `app.js` there |

pub mod guide;
pub mod ids;
pub mod random;
pub mod time;

pub mod channels;
pub mod judge;
pub mod stats;
pub mod strategies;
pub mod trace;
pub mod wire;

pub mod config;
pub mod envelope;

pub mod router;
pub mod servers;

pub mod audit;
pub mod client;
pub mod cluster;
pub mod logging;
pub mod placement;
pub mod program;
pub mod scenario;
pub mod supervisor;
pub mod whole_file;

pub mod ports;
pub mod robots;
pub mod world;

pub mod live;
pub mod virtual_time;

pub mod experiments;
pub mod monitor;
pub mod orders;
pub mod verify;

pub mod admin;

pub mod console;

pub mod cli;

mod nearest;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
