//! `pomelo-sim serve`: runs the cluster until it is told to stop.

mod args;
mod banner;
mod place;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

pub use self::args::ServeArgs;
use self::banner::banner;
use self::place::{Pages, open_pages};
use super::admin_port::Admin;
use super::config_args::StrategyChoice;
use super::output::{Failure, Outcome, warn, write};
use super::reach;
use crate::admin::{Identity, Token};
use crate::cluster::Cluster;
use crate::config::{Bites, Warning};
use crate::console::{Console, Door};
use crate::live::{RunningCluster, StopHandle, StopSignal};
use crate::orders::Orders;

/// Runs the command.
pub fn run(args: &ServeArgs) -> Outcome {
    let stop = StopSignal::install().map_err(|error| format!("cannot catch signals: {error}"))?;
    let began = Instant::now();
    let (started, warnings) = start(args, stop.handle())?;
    for warning in warnings.iter().filter(|warning| bites_now(warning, &started.running)) {
        warn(warning);
    }
    started.elsewhere.iter().for_each(warn);
    if let Err(error) = write(&banner(args, &started, began.elapsed())) {
        started.stop();
        return Err(error.into());
    }
    stop.wait();
    started.stop();
    Ok(ExitCode::SUCCESS)
}

/// A cluster, and its admin port and console if it has them.
struct Started {
    running: Arc<RunningCluster>,
    admin: Option<Admin>,
    /// The server of both.
    console: Option<Console>,
    /// The address of the pages.
    pages: Option<SocketAddr>,
    /// Why the admin port or the console are not at their default ports.
    elsewhere: Vec<String>,
    /// The flags with which commands find it.
    reach: String,
}

impl Started {
    /// Stops the cluster, then the console, then removes the admin file.
    fn stop(self) {
        let _file = self.admin;
        // First of all, since an order may hang: the console waits for it, clients must not.
        self.running.end();
        drop(self.console);
    }
}

/// Leaves out warnings that no longer apply once all ports are open, and those about clients of
/// other machines when none can connect.
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
    let frontends = cluster.spec().servers.iter().filter(|server| server.frontend).count();
    let cluster = cluster.options(args.options(frontends)?);
    cluster.check()?;
    let obstacles = reach::obstacles(cluster.spec(), args.fit.bind);
    if !obstacles.is_empty() {
        return Err(obstacles.join("\nerror: ").into());
    }
    let mut warnings = cluster.warnings();
    warnings.extend(reach::warnings(cluster.spec(), args.fit.bind));
    let identity = Identity::new(&cluster.spec().source, &cluster.spec().env, args.ports());
    // Before any client can connect: a second cluster of the same configuration must fail here.
    let Pages { admin, console, elsewhere } = open_pages(args, &cluster, &identity)?;
    let token = Token::random().map_err(|error| format!("no random token: {error}"))?;
    let running = Arc::new(cluster.start()?);
    let orders = Orders { cluster: Arc::clone(&running), stop, load: Box::new(load) };
    let pages = console.as_ref().map(TcpListener::local_addr).transpose()?;
    let (door, place) = admin.map(|opened| (Door::admin(opened.listener), opened.place)).unzip();
    let console_door = |listener| {
        let door = Door::console(listener);
        if args.console_token { door } else { door.without_token() }
    };
    let doors: Vec<Door> = door.into_iter().chain(console.map(console_door)).collect();
    let start = || Console::start(doors, token.clone(), orders).map_err(|error| format!("console: {error}"));
    let console = (place.is_some() || pages.is_some()).then(start).transpose()?;
    let admin = place.map(|place| place.announce(token, running.first_address("gate"), pages)).transpose()?;
    let reach = args.reach(&identity, admin.as_ref());
    Ok((Started { running, admin, console, pages, elsewhere, reach }, warnings))
}
