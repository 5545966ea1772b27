//! The flags of `serve`, and what they set of a cluster.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, Args};

use crate::cli::admin_port::AdminPort;
use crate::cli::config_args::{ConfigArgs, StrategyChoice, strategies_help};
use crate::cli::console_port::ConsoleAddress;
use crate::cli::fit_args::FitArgs;
use crate::cli::links::load_rules;
use crate::cli::output::Failure;
use crate::cluster::Options;
use crate::descriptors;
use crate::router::OnDuplicate;
use crate::servers::SessionLimits;

/// Run the cluster (the default)
///
/// Starts every server of servers.json in this process, and runs until SIGINT (Ctrl-C), SIGTERM or
/// SIGHUP. Each frontend listens on its clientPort, for WebSocket and raw TCP alike; port 0 takes
/// any free port. When all servers are up, a banner on stdout shows their addresses; warnings go to
/// stderr.
///
/// A stop answers requests in flight, closes or kicks the clients (--on-stop), and ends.
///
/// The console shows and changes the running cluster in a browser; another page is a chat. Both are
/// for this machine only, unless --console says otherwise.
///
/// While it runs, commands such as list, add, stop, kill and link show and change it. They find it
/// by --config, --env and --port-offset, and connect to a port that accepts only this machine, with
/// a token that only its user can read.
/// --env and --port-offset, and reach it by a port that only this machine can connect to, with a
/// token that only its user can read.
///
/// Two clusters can run at once when their ports differ: --port-offset 100 adds 100 to every port,
/// --ports any takes free ports.
///
/// Exit code: 0 after a stop, 2 when the cluster cannot start.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct ServeArgs {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How servers of a type are chosen.
    #[arg(
        long = "strategy", value_name = "TYPE=NAME", num_args = 1.., value_parser = StrategyChoice::parse,
        help = "How servers of a type are chosen, such as chat=rendezvous connector=two-choices [default: pomelo-crc]",
        long_help = strategies_help("How servers of a type are chosen, such as chat=rendezvous connector=two-choices [default: pomelo-crc]")
    )]
    pub strategies: Vec<StrategyChoice>,
    /// Seconds between heartbeats of clients, on frontends that have them; 0: none [default: 3 on
    /// connectors]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=DAY_S))]
    pub heartbeat: Option<u64>,
    /// Threads that servers and ports are spread over. One thread costs the least CPU for a
    /// message; more help when it is never idle and rooms are large
    #[arg(long, value_name = "N", default_value = "1", value_parser = threads())]
    pub threads: usize,
    /// Which part of the configuration is served, and where.
    #[command(flatten)]
    pub fit: FitArgs,
    /// Seconds that a client may take for its handshake, and again for the acknowledgement
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub handshake_timeout: Duration,
    /// Seconds without a byte after which a connection is closed, on raw TCP and at ports without
    /// heartbeats. There a silent WebSocket gets a ping after half of this time
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// Seconds that a message may take from its first byte to its last
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub message_timeout: Duration,
    /// What happens to a login with a uid in use: refuse it, as Pomelo does, or kick the other
    /// session
    #[arg(long, value_name = "WHAT", default_value = "refuse", value_parser = on_duplicate())]
    pub on_duplicate: OnDuplicate,
    /// How a stopping server ends its connections: close them, as Pomelo does, and clients that can
    /// reconnect do; or kick the clients, and some do not come back
    #[arg(long = "on-stop", value_name = "HOW", default_value = "close", action = ArgAction::Set, value_parser = kick_on_stop())]
    pub kick_on_stop: bool,
    /// Seconds that a session outlives its lost connection, for clients that asked for a token in
    /// the handshake and show it when they come back [default: not at all]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub resume: Option<Duration>,
    /// Seconds after which a request without an answer is answered with an error
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub request_timeout: Duration,
    /// Messages that a session may send in a second; requests over that are answered with 503
    /// [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_limit: Option<u32>,
    /// Connections of all client ports together. When they are used up, a client that comes
    /// displaces the connection that has waited longest without sending a message [default: what
    /// the system's limit of file descriptors allows]
    #[arg(long, value_name = "N", value_parser = connections())]
    pub connections_max: Option<usize>,
    /// Connections that a port takes from one address, which is a /64 network for IPv6 [default: no
    /// limit]
    #[arg(long, value_name = "N", value_parser = connections())]
    pub per_address: Option<usize>,
    /// An address whose connections are closed at once; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub blacklist: Vec<IpAddr>,
    /// Longest body of a package from a client, in bytes
    #[arg(long, value_name = "BYTES", default_value = "65536", value_parser = package_bytes())]
    pub package_max: usize,
    /// Bytes that may wait for one client to read them; over that it is kicked as a slow consumer
    #[arg(long, value_name = "BYTES", default_value = "1048576", value_parser = outbound_bytes())]
    pub outbound_max: usize,
    /// Requests that a server may have in flight to others; over that, clients' requests get 503
    #[arg(long, value_name = "N", default_value = "10000", value_parser = calls())]
    pub calls_max: usize,
    /// Whether rooms move to the server that the list of chat servers gives when it changes; off:
    /// they stay and lose their members, as in Pomelo
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = on_off())]
    pub rebalance: bool,
    /// Rules of the links between servers, as link --file takes them
    #[arg(long, value_name = "FILE")]
    pub links: Option<PathBuf>,
    /// Seed of the randomness on links
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Number that is added to every port: those of servers.json and master.json, and the console's
    #[arg(long, value_name = "N", conflicts_with = "ports")]
    pub port_offset: Option<u16>,
    /// Take any free ports, whatever the files say
    #[arg(long, value_name = "any", value_parser = PossibleValuesParser::new(["any"]))]
    pub ports: Option<String>,
    /// Port for commands, on 127.0.0.1; off: none; 0: any free port [default: the port of
    /// master.json, or any free port]
    #[arg(long, value_name = "off|PORT", value_parser = AdminPort::parse)]
    pub admin: Option<AdminPort>,
    /// File with the address and the token of that port; commands then find the cluster only by the
    /// same flag. Its directory must exist, and an unrelated file is never replaced [default: by
    /// --config and --env, in the runtime directory of the user]
    #[arg(long, value_name = "PATH")]
    pub admin_file: Option<PathBuf>,
    /// Address of the chat page, the console and the HTTP API: a port on 127.0.0.1, HOST:PORT, or
    /// off; 0: any free port [default: 3080, or any free port when another program has it]
    #[arg(long, value_name = "off|ADDR", value_parser = ConsoleAddress::parse)]
    pub console: Option<ConsoleAddress>,
    /// Whether the console's page has the token when its reader seems to be this user on this
    /// machine; off: its readers paste it from the admin file
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = on_off())]
    pub console_token: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim serve --env production --bind 0.0.0.0
      the servers of \"production\", open to other machines
  pomelo-sim serve --config game-server --env production --here --without area auth
      a production configuration on this machine alone, without the servers that no code serves
  pomelo-sim serve --strategy chat=rendezvous connector=two-choices --heartbeat 10
      few rooms move when a chat server comes or goes; users go to the emptier of two connectors
  pomelo-sim serve --port-offset 100
      next to another cluster of these files; pomelo-sim list --port-offset 100 looks at this one
  pomelo-sim serve --console 8080
      the chat page at http://127.0.0.1:8080, the console at http://127.0.0.1:8080/console";

/// Longest time, in seconds. A longer one is a mistake, such as milliseconds.
const DAY_S: u64 = 24 * 60 * 60;

fn on_duplicate() -> impl TypedValueParser<Value = OnDuplicate> {
    PossibleValuesParser::new(["refuse", "kick"]).map(|what| match what.as_str() {
        "kick" => OnDuplicate::Kick,
        _ => OnDuplicate::Refuse,
    })
}

fn kick_on_stop() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["close", "kick"]).map(|how| how == "kick")
}

fn on_off() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|what| what == "on")
}

fn connections() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<u64>::new().range(1..=1_000_000).map(|connections| connections as usize)
}

fn outbound_bytes() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<u64>::new().range(1024..=1 << 30).map(|bytes| bytes as usize)
}

fn calls() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<u64>::new().range(1..=1_000_000).map(|calls| calls as usize)
}

fn threads() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<u64>::new().range(1..=256).map(|threads| threads as usize)
}

/// At most what the three length bytes of a package header can say.
fn package_bytes() -> impl TypedValueParser<Value = usize> {
    let limit = crate::wire::BODY_BYTES_LIMIT as u64;
    RangedU64ValueParser::<u64>::new().range(64..=limit).map(|bytes| bytes as usize)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected seconds, such as 10 or 0.5".to_owned())?;
    if !(0.001..=DAY_S as f64).contains(&seconds) {
        return Err(format!("expected 0.001 to {DAY_S} seconds (a day)"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// The connections that all client ports may have together: what file descriptors allow, less what
/// is kept so that orders and console always have some.
fn connections_max(wanted: Option<usize>, frontends: usize) -> Result<usize, Failure> {
    /// For the console, the admin port, files and threads.
    const KEPT: usize = 400;
    /// For clients over a limit, until they were told so.
    const KEPT_EACH_PORT: usize = 64;
    let limit = descriptors::raise().map_err(|error| format!("file descriptors: {error}"))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let kept = (KEPT + KEPT_EACH_PORT * frontends).min(limit / 2);
    match wanted {
        Some(wanted) if wanted > limit - kept => Err(format!(
            "--connections-max {wanted}: this process may have {limit} file descriptors, {kept} of which are \
             kept for orders and console: expected at most {} (ulimit -Hn raises it)",
            limit - kept
        )
        .into()),
        wanted => Ok(wanted.unwrap_or(limit - kept)),
    }
}

impl ServeArgs {
    /// What these flags set of a cluster with this number of frontends.
    pub(super) fn options(&self, frontends: usize) -> Result<Options, Failure> {
        Ok(Options {
            bind: self.fit.bind,
            threads: self.threads,
            heartbeat: self.heartbeat.map(Duration::from_secs),
            handshake_timeout: self.handshake_timeout,
            ack_timeout: self.handshake_timeout,
            idle_timeout: self.idle_timeout,
            message_timeout: self.message_timeout,
            cluster_connections_max: Some(connections_max(self.connections_max, frontends)?),
            on_duplicate: self.on_duplicate,
            kick_on_stop: self.kick_on_stop,
            request_timeout: self.request_timeout,
            resume: self.resume,
            sessions: SessionLimits { messages_per_second_max: self.rate_limit, calls_max: self.calls_max },
            connections_per_address_max: self.per_address,
            blacklist: self.blacklist.clone(),
            body_bytes_max: self.package_max,
            outbound_bytes_max: self.outbound_max,
            rebalance: self.rebalance,
            links: self.links.as_deref().map_or(Ok(Vec::new()), load_rules)?,
            seed: self.seed,
            ..Options::default()
        })
    }
}
