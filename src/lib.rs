//! A NetEase Pomelo cluster in one process: gate, connectors and chat servers as actors, with real
//! client ports.
//!
//! This page is the architecture. The [guide] says how to use the program, and each module's head
//! how that module works.
//!
//! # The idea
//!
//! `config/servers.json` describes a Pomelo cluster. Here every configured server is an actor, its
//! address keyed by its id. One router actor carries every message between servers, and picks
//! servers with a dispatch strategy. The client ports are real: unmodified Pomelo clients chat on
//! them and notice no difference.
//!
//! **A server is a plain state machine that knows no actor, socket or clock.** It takes one
//! [`Delivery`](servers::Delivery) and fills an [`Outbox`](servers::Outbox). The router is one too.
//! Actors and ports are shells around these machines. Tests run the same machines without a shell,
//! and experiments run them on a virtual clock.
//!
//! # The path of a message
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
//! A chat message is parsed once. Its push is encoded once for all members on both transports, as a
//! Pomelo package with a WebSocket header in front. It goes once to each connector that holds
//! members, into a batch; each member's outbox refers to its part of the batch. When the
//! connector's mailbox is empty, every changed outbox is written in one write.
//!
//! The highest cost is a write to a socket, the next a message between actors. Both are paid once
//! for everything that comes together: an actor drains its mailbox in one turn of the thread, and
//! sends what it has to say in one message to each receiver (`live/server_actor`,
//! `live/router_actor.rs`). Cost per message falls under load; a lone message is not delayed.
//! `benches/fanout` compares this with a server that does nothing but the writes.
//!
//! # Two clocks
//!
//! [`live`] runs the machines on actors, ports and the machine's clock. [`virtual_time`] runs them
//! on an event queue: time is an integer number of nanoseconds that jumps from event to event,
//! servers take as long as a cost model says, and users are drawn from a seed. Router, strategies,
//! links and servers are the same code, so the result of an experiment applies to the code that
//! serves. `tests/live/virtual_worlds.rs` plays one script on both and compares what clients
//! receive.
//!
//! **How servers come, stop, hang, crash and come back is decided once**, by the pure
//! [`supervisor`]. [`live`] carries out its decisions on actors and ports. The [`world`] carries
//! them out on the machines alone: in sending order, in an order drawn from a seed, or with costs.
//! Virtual time, tests and storms drive the world, so they stop a server exactly as production
//! does.
//!
//! A [`scenario`] is a value. [`experiments`] run it under each strategy, many times, on either
//! clock, and report the results. [`placement`] asks strategies for millions of keys, without time.
//! [`verify`] compares all of it with theory and published tables. All chance comes from streams
//! named after their use, so two strategies meet the same users, arrivals and costs, and the same
//! seed gives the same bytes.
//!
//! # Two state machines
//!
//! A session, as the router sees it ([`router`], `sessions`). A uid stays taken until no room has
//! its session as a member:
//!
//! ```text
//!   claiming ──(uid is free)──▶ bound ──(gives it up)────────▶ leaving ──(no room has it)──▶ gone
//!       │                         │                              ▲
//!       └──(refused, given up)    └─(frontend lost)─▶ releasing ─┘
//!                                              all servers have drained,
//!                                              or no request can take longer
//! ```
//!
//! A room that follows its key (`rooms`, `pools`). Its traffic is buffered while it is between two
//! servers:
//!
//! ```text
//!   owned ──(its key gets another owner)──▶ handing off ──(the old owner has drained)──▶ owned
//!     │                                                                                   ▲
//!     └──(its server vanished)──▶ ownerless ──(a server owns its key: rebuilt there)──────┘
//! ```
//!
//! A member that leaves an ownerless room has departed: nobody can be told until the room has its
//! next owner, which is told first of all.
//!
//! # Observers
//!
//! Machines count where they act ([`stats::Histogram`], counters), without a clock or an allocation
//! for it. [`live::ClusterView`] is all counters at one moment. [`monitor`] turns two views into
//! rates and percentiles, and `top`, [`console`] and `/metrics` show the same
//! [`Picture`](monitor::Picture). Queries run concurrently with changes and never block on them.
//! The console has its own threads and takes one view a second for all its readers. A [`trace`]
//! follows single messages, only while somebody watches. Whatever changes the cluster is one
//! [order](orders::Order), from a command, a script or a page: all of them speak HTTP, to the
//! console or to the [admin port](admin).
//!
//! # Floors
//!
//! A module imports only from lower floors; `tests/pure/floors.rs` holds that. Below floor 4 there
//! is no socket, clock or actor, and no chance that is not drawn from a seed.
//!
//! | floor | module | contents |
//! |---|---|---|
//! | 0 | [`guide`] | the guide: one page a subject, printed, served and tested |
//! | 0 | [`ids`], [`time`] | names and moments: no bare string or number stands for one |
//! | 0 | [`random`] | chance, as named streams of one seed |
//! | 1 | [`wire`] | Pomelo's bytes: packages, messages, handshake, dictionary, protobuf |
//! | 1 | [`strategies`] | key to server: one file each, one table |
//! | 1 | [`stats`] | how even a load is, how certain a mean is |
//! | 1 | [`channels`] | the members of a server's rooms |
//! | 1 | [`judge`] | whether each message reached the right clients, once and in order |
//! | 1 | [`trace`] | the path of single messages, step by step |
//! | 2 | [`config`] | `servers.json` and its neighbours, read as Pomelo reads them |
//! | 2 | [`envelope`] | the messages between servers |
//! | 3 | [`router`] | routes, links, the servers of each type, uids, rooms |
//! | 3 | [`servers`] | the programming model, its host, and the tutorial's server types |
//! | 4 | [`audit`] | the invariants of a cluster, checked |
//! | 4 | [`client`] | a client of the protocol: without a socket, on std, on tokio |
//! | 4 | [`cluster`] | what a cluster is made of, and its plan |
//! | 4 | [`logging`] | log lines, queued for a stderr that may stall |
//! | 4 | [`placement`] | where a strategy puts millions of keys |
//! | 4 | [`scenario`] | the question of an experiment: a JSON file to a checked value |
//! | 4 | [`program`] | the command that started the process, for hints |
//! | 4 | [`supervisor`] | the life of servers: how they come up, hang, stop, crash, come back |
//! | 4 | [`descriptors`] | the limit of file descriptors |
//! | 4 | [`whole_file`] | files that are written whole or not at all |
//! | 5 | [`ports`] | client ports: sockets, transports, states of a connection |
//! | 5 | [`robots`] | clients that load any chat of Pomelo's protocol and judge it |
//! | 5 | [`world`] | a whole cluster without actors, sockets or real time |
//! | 6 | [`live`] | router and servers as actix actors |
//! | 6 | [`virtual_time`] | the same router and servers on an event queue |
//! | 7 | [`orders`] | orders to a running cluster: one table, and how each is carried out |
//! | 7 | [`monitor`] | rates, percentiles and balance, second by second |
//! | 7 | [`verify`] | results of theory and published tables, measured anew |
//! | 7 | [`experiments`] | scenarios under many strategies: results, verdicts, reports |
//! | 8 | [`admin`] | the admin port of a cluster, and how commands reach it |
//! | 9 | [`console`] | the running cluster in a browser, over HTTP, and as metrics |
//! | 10 | [`cli`] | one file a command |
//!
//! # What is deliberately absent
//!
//! - Global state: two clusters can live in one process, and tests do so, on port 0.
//! - A parse before a bound: every length from outside is checked before it is believed.
//! - A message dropped in silence: an undeliverable message is counted, and answered if a caller
//!   waits.
//! - A task, timer or actor per session: a session is a row in its port's table and one lean
//!   reader.
//! - Reflection and macros in the programming model: a handler is a function and a line in
//!   [`register`](servers::ServerLogic::register).
//!
//! # Order and failure
//!
//! 1. A request gets one answer, a result or an error, by its deadline: whatever panics, hangs,
//!    vanishes, moves or is cut off. A request that was answered with an error was not carried out
//!    and is not carried out afterwards, except with 504: then the outcome is unknown, since a
//!    server took the request and its answer did not come before the deadline or the stop.
//! 2. An acknowledged message reaches every member of the room once, in the order in which messages
//!    were accepted. A push from a handler to a session precedes the response to that session.
//!    While a frontend works for a session, the session's later messages wait.
//! 3. A room is on one server. When servers come, go or come back, or the strategy changes, rooms
//!    with another owner are handed off with their members while the router buffers their traffic:
//!    [`router`] says how. Nobody is told that anybody left.
//! 4. A uid is bound once in the cluster; the router keeps them. A closed session leaves its rooms
//!    once. Its uid is free only when the rooms have confirmed that and nothing is in flight for
//!    it.
//! 5. A crash is contained. A panic in a handler fails its request, and nothing that the handler
//!    did takes effect. The server starts again, with growing delays, and gets its rooms back from
//!    what the router knows of the sessions. A killed server's unsent output is discarded: each
//!    delivery's messages are sent all or none.
//! 6. A client costs only itself. Its unread output and its messages in flight are bounded; at the
//!    bound, nothing more is read from it. A link or a hanging server buffers a bounded amount.
//!    Beyond that, calls are answered with 503, and sessions that miss a push are kicked, since
//!    they cannot know.
//! 7. Bad input ends its connection, or is answered where the protocol can; it is counted by kind.
//! 8. With `resume`, the session of a client that says it can come back outlives its connection. A
//!    client that does so in time gets what it missed, once and in order, and the servers notice
//!    nothing. Any other client's session ends with its connection.
//! 9. A stop accepts no more clients, answers what is in flight, and closes. A WebSocket is told
//!    why in its close frame, which raw TCP does not have. With `kick_on_stop` every client is told
//!    by a kick, after which some never come back.
//!
//! Orders that change servers run one after the other. Queries run concurrently with them, from one
//! roster that shows each state at once (`live/queries`). Links between servers are streams, as
//! TCP's are; rules make them slow, lossy or cut ([`router::links`]). Loss costs time, and a cut
//! buffers everything until it heals. The router is not a server and has no links: every server
//! reaches it directly.
//!
//! [`audit`] states in code the invariants that hold whenever nothing is in flight, and [`judge`]
//! what clients must see. Storms, drawn from seeds, are held against both:
//! `tests/pure/storm_pure.rs` on the machines alone, a thousand in a second; `tests/storm/main.rs`
//! over real sockets. What they found is played step by step in `tests/pure/races.rs`.
//!
//! # Adding things
//!
//! `tests/pure/additions.rs` and `additions_console.rs` hold the rows of strategies, commands,
//! limits, orders and panels.
//!
//! | to add | touch |
//! |---|---|
//! | a dispatch strategy | its file in `strategies/`, its name in `strategies/mod.rs` |
//! | a command | its file in `cli/`, its line in the enum of `cli/mod.rs` |
//! | a panel of the console | its file in `console/web/console/`, its line in `app.js` there |
//! | an order to a running cluster | its variant and row in `orders/order.rs`, its arm in `orders/carry_out.rs`, its command in `cli/` |
//! | a limit of sessions or connections | its field in `servers/limits.rs` or `cluster/options.rs`, its flag in `cli/serve/args.rs`, the code in `servers/host` or `ports` that keeps it |
//! | a metric of experiments | its line in [`stats::METRICS`], the engine that measures it, its row in `config/experiments/README.md` |
//! | a handler | a function, and a line in the type's `register` |
//! | a server type | [`ServerLogic`](servers::ServerLogic), given to [`Cluster::server_type`](cluster::Cluster::server_type) |
//! | a fault of links | [`Rule`](router::links::Rule), or a description: [`LinkRule`](router::LinkRule) |
//! | an invariant | one [`Invariant`](audit::Invariant) |
//! | an experiment | one file in `config/experiments/` |
//! | a known result | one line in [`verify::ALL`] |
//! | a form of report | one file in `experiments/report/`, one line in its [table](experiments::report::EXPORTERS) |
//! | a page of the guide | one Markdown file, one line in [`guide::PAGES`] |

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
pub mod descriptors;
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
