//! `pomelo-sim serve`: runs the cluster until it is told to stop.

mod place;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, Args};
use unicode_width::UnicodeWidthStr;

use self::place::{Pages, open_pages};
use super::admin_args::Failure;
use super::admin_port::{Admin, AdminPort};
use super::config_args::{ConfigArgs, StrategyChoice, strategies_help};
use super::console_port::{ConsoleAddress, url};
use super::fit_args::FitArgs;
use super::links::load_rules;
use super::output::{count, refuse, table, warn, write};
use super::reach;
use crate::admin::{Identity, Token};
use crate::cluster::{Cluster, Options};
use crate::config::{Bites, Warning};
use crate::console::{Console, Door};
use crate::live::{RunningCluster, StopHandle, StopSignal};
use crate::orders::Orders;
use crate::program;
use crate::router::OnDuplicate;
use crate::strategies;

/// Run the cluster (the default)
///
/// Starts every server of servers.json in this process, and runs until SIGINT (Ctrl-C), SIGTERM or SIGHUP. Each frontend
/// listens on its clientPort, for WebSocket and raw TCP alike; port 0 takes any that is free. When all are up, a banner
/// on stdout says who listens where; warnings go to stderr.
///
/// A stop answers what is in flight, closes or kicks the clients (--on-stop), and ends.
///
/// In a browser the console shows what it does, live, and changes it; beside it is a page to chat on. Both are for this
/// machine only, unless --console says otherwise.
///
/// While it runs, commands such as list, add, stop, kill and link look at it and change it. They find it by --config,
/// --env and --port-offset, and reach it by a port that only this machine can connect to, with a token that only its user
/// can read.
///
/// Two clusters run next to each other when their ports differ: --port-offset 100 adds 100 to every port, --ports any
/// takes ports that are free.
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
    /// Seconds between heartbeats of clients, on frontends that have them; 0: none [default: 3 on connectors]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=DAY_S))]
    pub heartbeat: Option<u64>,
    /// Threads that servers and ports are spread over. One costs the least CPU for a message; more help when one is
    /// never idle and the rooms are large
    #[arg(long, value_name = "N", default_value = "1", value_parser = threads())]
    pub threads: usize,
    /// What of the configuration is served, and where.
    #[command(flatten)]
    pub fit: FitArgs,
    /// Seconds that a client may take for its handshake, and again for the acknowledgement
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub handshake_timeout: Duration,
    /// Seconds without a byte after which a raw TCP connection is closed
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// A login whose uid another session has: refuse it, as Pomelo does, or kick the other session
    #[arg(long, value_name = "WHAT", default_value = "refuse", value_parser = on_duplicate())]
    pub on_duplicate: OnDuplicate,
    /// How a server that stops sends its clients away: close their connections, as Pomelo does,
    /// after which clients that reconnect do so; or kick them, after which some do not
    #[arg(long = "on-stop", value_name = "HOW", default_value = "close", action = ArgAction::Set, value_parser = kick_on_stop())]
    pub kick_on_stop: bool,
    /// Seconds that a session whose connection was lost waits for its client to come back, with the token that it got
    /// in the handshake, if the client asked for one [default: not at all]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub resume: Option<Duration>,
    /// Seconds after which a request without an answer is answered with an error
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub request_timeout: Duration,
    /// Messages that a session may send in a second; requests over that are answered with 503 [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_limit: Option<u32>,
    /// Connections that a port takes from one address [default: no limit]
    #[arg(long, value_name = "N", value_parser = per_address())]
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
    /// Requests that a server may have under way with others; clients' requests over that are answered with 503
    #[arg(long, value_name = "N", default_value = "10000", value_parser = calls())]
    pub calls_max: usize,
    /// Whether rooms go where the list of chat servers says when that changes; off: they stay and lose their members, as
    /// in Pomelo
    #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = on_off())]
    pub rebalance: bool,
    /// Rules of the links between servers, as link --file takes them
    #[arg(long, value_name = "FILE")]
    pub links: Option<PathBuf>,
    /// What chance on the links comes of: the same seed, the same chance
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Number that is added to every port: those of servers.json and master.json, and the console's
    #[arg(long, value_name = "N", conflicts_with = "ports")]
    pub port_offset: Option<u16>,
    /// Take any ports that are free, whatever the files say
    #[arg(long, value_name = "any", value_parser = PossibleValuesParser::new(["any"]))]
    pub ports: Option<String>,
    /// Port for the commands that look at the running cluster and change it, on 127.0.0.1; off: none; 0: any that is
    /// free [default: the port of master.json, or any that is free]
    #[arg(long, value_name = "off|PORT", value_parser = AdminPort::parse)]
    pub admin: Option<AdminPort>,
    /// File that tells those commands where the port is, and the token for it; commands then find it by the same flag
    /// only. Its directory must exist, and a file of something else is not replaced [default: by --config and --env, in
    /// the user's directory for what runs]
    #[arg(long, value_name = "PATH")]
    pub admin_file: Option<PathBuf>,
    /// Where the chat page, the console and the HTTP API are: a port on 127.0.0.1, HOST:PORT, or off; 0: any that is free
    /// [default: 3080, any that is free when another program has it]
    #[arg(long, value_name = "off|ADDR", value_parser = ConsoleAddress::parse)]
    pub console: Option<ConsoleAddress>,
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

/// The longest that any time may be, in seconds: what is longer is a slip, such as milliseconds.
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

fn per_address() -> impl TypedValueParser<Value = usize> {
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

/// At most what the three bytes of a package's header can say.
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

/// Runs the command.
pub fn run(args: &ServeArgs) -> ExitCode {
    let stop = match StopSignal::install() {
        Ok(stop) => stop,
        Err(error) => return refuse(format_args!("cannot catch signals: {error}")),
    };
    let began = Instant::now();
    let (started, warnings) = match start(args, stop.handle()) {
        Ok(started) => started,
        Err(error) => return refuse(error),
    };
    for warning in warnings.iter().filter(|warning| bites_now(warning, &started.running)) {
        warn(warning);
    }
    started.elsewhere.iter().for_each(warn);
    if let Err(error) = write(&banner(args, &started, began.elapsed())) {
        started.stop();
        return refuse(error);
    }
    stop.wait();
    started.stop();
    ExitCode::SUCCESS
}

/// A cluster, and its admin port and console if it has them.
struct Started {
    running: Arc<RunningCluster>,
    admin: Option<Admin>,
    /// What serves both.
    console: Option<Console>,
    /// Where the pages are.
    pages: Option<SocketAddr>,
    /// Why admin port or console are not at their default ports.
    elsewhere: Vec<String>,
    /// The flags by which commands reach it.
    reach: String,
}

impl Started {
    /// Takes no more orders, then stops the cluster, then takes the admin file away.
    fn stop(self) {
        let _file = self.admin;
        drop(self.console);
        match Arc::into_inner(self.running) {
            Some(running) => running.stop(),
            // The process's end is then the cluster's.
            None => log::warn!("an order is under way still: clients are not told why they are closed"),
        }
    }
}

/// Not what is past now that all ports are open, and not what only clients of other machines meet when none can come.
fn bites_now(warning: &Warning, running: &RunningCluster) -> bool {
    match warning.bites {
        Bites::Always => true,
        Bites::FromElsewhere => {
            running.servers().filter_map(|(_, address)| address).any(|address| !address.ip().is_loopback())
        }
        Bites::AtStart => false,
    }
}

fn start(args: &ServeArgs, stop: StopHandle) -> Result<(Started, Vec<Warning>), Failure> {
    let load = args.loader();
    let mut cluster = Cluster::from_spec(load()?);
    for StrategyChoice { server_type, strategy } in &args.strategies {
        if !cluster.served().contains(&server_type.as_str()) {
            let types = cluster.served().join(", ");
            return Err(format!(
                "--strategy {server_type}={strategy}: no server type {server_type}, expected one of {types}"
            )
            .into());
        }
        cluster = cluster.with_strategy(server_type, strategy.clone());
    }
    let options = Options {
        bind: args.fit.bind,
        threads: args.threads,
        heartbeat: args.heartbeat.map(Duration::from_secs),
        handshake_timeout: args.handshake_timeout,
        ack_timeout: args.handshake_timeout,
        idle_timeout: args.idle_timeout,
        on_duplicate: args.on_duplicate,
        kick_on_stop: args.kick_on_stop,
        request_timeout: args.request_timeout,
        resume: args.resume,
        messages_per_second_max: args.rate_limit,
        connections_per_address_max: args.per_address,
        blacklist: args.blacklist.clone(),
        body_bytes_max: args.package_max,
        outbound_bytes_max: args.outbound_max,
        calls_max: args.calls_max,
        rebalance: args.rebalance,
        links: args.links.as_deref().map_or(Ok(Vec::new()), load_rules)?,
        seed: args.seed,
        ..Options::default()
    };
    let cluster = cluster.options(options);
    cluster.check()?;
    let obstacles = reach::obstacles(cluster.spec(), args.fit.bind);
    if !obstacles.is_empty() {
        return Err(obstacles.join("\nerror: ").into());
    }
    let mut warnings = cluster.warnings();
    warnings.extend(reach::told(cluster.spec(), args.fit.bind));
    let identity = Identity::new(&cluster.spec().source, &cluster.spec().env, args.ports());
    // Before any client can come: a second cluster of one configuration is to fail here.
    let Pages { admin, console, elsewhere } = open_pages(args, &cluster, &identity)?;
    let token = Token::random().map_err(|error| format!("no random token: {error}"))?;
    let running = Arc::new(cluster.start()?);
    let orders = Orders { cluster: Arc::clone(&running), stop, load: Box::new(load) };
    let pages = console.as_ref().map(TcpListener::local_addr).transpose()?;
    let (door, place) = admin.map(|opened| (Door::admin(opened.listener), opened.place)).unzip();
    let doors: Vec<Door> = door.into_iter().chain(console.map(Door::console)).collect();
    let start = || Console::start(doors, token.clone(), orders).map_err(|error| format!("console: {error}"));
    let console = (place.is_some() || pages.is_some()).then(start).transpose()?;
    let admin = place.map(|place| place.tell(token, running.first_address("gate"), pages)).transpose()?;
    let reach = args.reach(&identity, admin.as_ref());
    Ok((Started { running, admin, console, pages, elsewhere, reach }, warnings))
}

/// Columns of the commands in the banner, at most: a long path moves only its own line.
const ADVICE_WIDTH_MAX: usize = 60;

/// Commands with what they do, in two columns, under the first words of the banner's last part.
/// `config` and `reach` are the flags by which commands find this configuration and this cluster.
fn hints(config: &str, reach: Option<&str>) -> String {
    let program = program::command();
    let mut rows = vec![
        (
            format!("{program} dispatch chat ROOM{config}"),
            "which chat server holds a room, and what one server more changes",
        ),
        (format!("{program} check{config}"), "validates the configuration, and warns of likely mistakes"),
    ];
    if let Some(reach) = reach {
        let does = "status of every server; add, stop, kill, link and others change it";
        rows.push((format!("{program} list{reach}"), does));
    }
    rows.push(("Ctrl-C".to_owned(), "stops the cluster"));
    let widths = rows.iter().map(|(command, _)| command.width());
    let width = widths.filter(|width| *width <= ADVICE_WIDTH_MAX).max().unwrap_or(0);
    let line = |(command, does): &(String, &str)| {
        format!("       {command}{}  {does}\n", " ".repeat(width.saturating_sub(command.width())))
    };
    rows.iter().map(line).collect()
}

/// Who listens where, and what to do next.
fn banner(args: &ServeArgs, started: &Started, took: Duration) -> String {
    let Started { running, admin, pages, reach, .. } = started;
    let spec = running.spec();
    let rows: Vec<Vec<String>> = running
        .servers()
        .map(|(server, address)| {
            let clients = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
            vec![server.id.to_string(), server.server_type.to_string(), clients]
        })
        .collect();
    let strategy_of = |server_type: &str| {
        let chosen = args.strategies.iter().rev().find(|choice| choice.server_type == server_type);
        chosen.map_or_else(|| strategies::DEFAULT.to_owned(), |choice| choice.strategy.to_string())
    };
    let entry = match (running.first_address("gate"), running.first_address("connector")) {
        (Some(gate), _) => format!("point a Pomelo client at the gate, {gate}"),
        (None, Some(connector)) => format!(
            "point a Pomelo client at a connector, {connector}: there is no gate\n       \
             {} robots --connector {connector}    put it under load",
            program::command()
        ),
        (None, None) => "no gate and no connector is open: the tutorial's clients cannot log in".to_owned(),
    };
    let tutorial = if spec.is_tutorial() {
        "No config/servers.json here: these are the servers of Pomelo's chat tutorial. --config PATH serves your own.\n"
    } else {
        ""
    };
    let threads = if args.threads > 1 { format!(" on {} threads", args.threads) } else { String::new() };
    let heartbeat = match args.heartbeat {
        None => String::new(),
        Some(0) => " No heartbeats.".to_owned(),
        Some(seconds) => format!(" A heartbeat every {seconds} s."),
    };
    let orders = admin.as_ref().map_or_else(String::new, |admin| {
        format!("Admin port {}, its token in {}.\n", admin.address, admin.file.path().display())
    });
    let hints = hints(&args.config.flags(), admin.is_some().then_some(reach.as_str()));
    let (pages, browse) = pages.map_or_else(Default::default, |address| {
        let url = url(address);
        let open = if address.ip().is_loopback() { "" } else { "; others can look, not change" };
        (
            format!("Chat page {url}/, console {url}/console{open}.\n"),
            format!("open {url}/console in a browser: what it does, live\n       "),
        )
    });
    format!(
        "pomelo-sim {}: {} of {} ({}){threads}, up in {:.0} ms\n\n{}\n\
         Clients connect by WebSocket or raw TCP. Rooms go to chat servers by {}, users to connectors by {}.{heartbeat}\n\
         {tutorial}{orders}{pages}\n\
         Next:  {browse}{entry}\n{hints}",
        env!("CARGO_PKG_VERSION"),
        count(rows.len(), "server"),
        spec.source.display(),
        spec.env,
        took.as_secs_f64() * 1e3,
        table(&["SERVER", "TYPE", "CLIENTS"], &rows),
        strategy_of("chat"),
        strategy_of("connector"),
    )
}
