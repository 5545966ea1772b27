//! Live mode: runs a scenario on real sockets. The cluster runs in this process on its own ports,
//! robots load it from another thread, and the scenario's events are sent to it as orders at their
//! moments.
//!
//! Live results depend on this machine and are not repeatable: they check the predictions of the
//! virtual clock, and do not replace them. Scenarios with slow processors, or with more people than
//! a machine has sockets, only run on the virtual clock.

mod convert;
mod orders;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use thiserror::Error;

use self::orders::Orders;
use self::watch::Watch;
use crate::cluster::{Cluster, Options};
use crate::config::ConfigError;
use crate::live::StartError;
use crate::robots::{self, LoadPlanError, RobotsError};
use crate::scenario::{ChatModel, Scenario};
use crate::stats::Outcome;
use crate::strategies::StrategySpec;

/// Why a scenario cannot be run live.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The scenario needs the virtual clock.
    #[error("{0}: this needs the virtual clock: omit --mode live")]
    NeedsVirtualTime(String),
    /// Its servers do not form a cluster.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cluster did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The robots' plan is invalid.
    #[error("robots: {0}")]
    Plan(#[from] LoadPlanError),
    /// The robots failed to run.
    #[error("robots: {0}")]
    Robots(#[from] RobotsError),
    /// The robots' measurement is void.
    #[error("robots: {0}")]
    Void(String),
    /// A thread panicked.
    #[error("a thread of the run failed")]
    Thread,
}

/// Runs one replication. Setting `stop` ends it early.
///
/// # Errors
/// The scenario needs the virtual clock, or the cluster or robots cannot run.
pub fn run_live(
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
    warmup_s: f64,
    stop: &AtomicBool,
) -> Result<Outcome, LiveError> {
    let chat = check(scenario)?;
    let cluster = start(chat, scenario, strategy, replication)?;
    let gate = cluster.servers().find(|(server, _)| server.server_type.as_str() == "gate");
    let gate = gate.and_then(|(_, address)| address).map_or_else(String::new, |address| address.to_string());
    let plan = convert::plan(scenario, chat, gate, replication, warmup_s).plan()?;
    let (orders, watch) = (Orders::new(&scenario.events), Watch::new(chat.balance.clone()));
    let is_over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        let given = scope.spawn(|| orders.give(&cluster, &is_over));
        let seen = scope.spawn(|| watch.look(&cluster, &is_over));
        let report = robots::run(&plan, stop, |progress| {
            if matches!(progress.phase, "warming up" | "measuring") {
                orders.begin();
                watch.begin(progress.phase == "measuring");
            }
        });
        is_over.store(true, Ordering::Relaxed);
        let marks = given.join().map_err(|_| LiveError::Thread)?;
        let seen = seen.join().map_err(|_| LiveError::Thread)?;
        Ok::<_, LiveError>((report?, marks, seen))
    });
    let (report, marks, seen) = report?;
    let counters = cluster.view().map(|view| view.router).unwrap_or_default();
    cluster.stop();
    // A run stopped early may have measured nothing; it is discarded anyway.
    if let Some(why) = report.void().filter(|_| !stop.load(Ordering::Relaxed)) {
        return Err(LiveError::Void(why));
    }
    Ok(convert::outcome(&report, counters, marks, seen))
}

/// The chat model, if the scenario can run live.
fn check(scenario: &Scenario) -> Result<&ChatModel, LiveError> {
    let needs = |what: &str| LiveError::NeedsVirtualTime(what.to_owned());
    let chat = scenario.chat.as_ref().ok_or_else(|| needs("a queue model"))?;
    if chat.level == crate::scenario::Level::Flow {
        return Err(needs("level flow"));
    }
    for event in &scenario.events {
        let what = [
            (event.slow.is_some(), "a slow server"),
            (event.hot_room.is_some(), "a hot room"),
            (event.crowd.is_some(), "a crowd"),
        ];
        if let Some((_, what)) = what.into_iter().find(|(is_so, _)| *is_so) {
            return Err(needs(what));
        }
    }
    Ok(chat)
}

fn start(
    chat: &ChatModel,
    scenario: &Scenario,
    strategy: &StrategySpec,
    replication: u32,
) -> Result<crate::live::RunningCluster, LiveError> {
    let mut spec = chat.spec()?;
    for server in &mut spec.servers {
        // Any free port: another cluster may be running on the configured one.
        server.client_port = server.client_port.map(|_| 0);
        server.client_host = None;
    }
    let mut cluster = Cluster::from_spec(spec).with_strategy(chat.balance.as_str(), strategy.clone());
    for (server_type, strategy) in chat.others.iter().filter(|(other, _)| **other != chat.balance) {
        cluster = cluster.with_strategy(server_type.as_str(), strategy.clone());
    }
    let options = Options {
        bind: Some(std::net::IpAddr::from([127, 0, 0, 1])),
        rebalance: chat.rebalance,
        links: chat.links.clone(),
        seed: scenario.seed.wrapping_add(u64::from(replication)),
        request_timeout: std::time::Duration::from_secs_f64(chat.timeout_s),
        ..Options::default()
    };
    Ok(cluster.options(options).start()?)
}
