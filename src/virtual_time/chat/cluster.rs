//! The cluster of a scenario: its servers, and the strategy under test.

use serde_json::Map;

use crate::cluster::{Cluster, Options, Plan};
use crate::config::{ClusterSpec, ServerSpec};
use crate::ids::{ServerId, ServerType};
use crate::random::Streams;
use crate::scenario::{ChatModel, Scenario};
use crate::strategies::StrategySpec;
use crate::virtual_time::VirtualError;

/// Bound on the servers of a run, including those that events add.
const SERVERS_MAX: usize = 10_000;

/// The servers of a scenario, and the index of the frontend behind each client port. Nothing
/// listens on ports here, so a frontend's port is its index, from 0.
pub(super) fn spec(scenario: &Scenario, model: &ChatModel) -> Result<(ClusterSpec, Vec<u16>), VirtualError> {
    let mut spec = model.spec()?;
    let got = spec.servers.len() + scenario.events.len();
    if got > SERVERS_MAX {
        return Err(VirtualError::TooManyServers { most: SERVERS_MAX, got });
    }
    // Simulated clients use neither; both only save bytes, which cost nothing here.
    (spec.dictionary, spec.protos) = (None, None);
    for (station, server) in (0..).zip(&mut spec.servers) {
        server.client_port = server.frontend.then_some(station);
    }
    Ok((spec, (0..got as u16).collect()))
}

/// A new server. Its id begins with its type.
pub(super) fn server(id: &ServerId, station: u16) -> ServerSpec {
    let server_type = ServerType::from(id.as_str().split("-server-").next().unwrap_or_default());
    let frontend = server_type.as_str() != "chat";
    ServerSpec {
        id: id.clone(),
        server_type,
        host: "127.0.0.1".to_owned(),
        port: None,
        frontend,
        client_port: frontend.then_some(station),
        client_host: None,
        max_connections: None,
        weight: 1.0,
        extra: Map::new(),
    }
}

/// Plans router and servers, with the given strategy for the balanced type.
pub(super) fn plan(
    model: &ChatModel,
    spec: ClusterSpec,
    strategy: &StrategySpec,
    seed: u64,
    replication: u32,
) -> Result<Plan, VirtualError> {
    let options =
        Options { rebalance: model.rebalance, seed: self::seed(seed, replication), ..Options::default() };
    let mut cluster = Cluster::from_spec(spec).options(options);
    for (server_type, other) in &model.others {
        cluster = cluster.with_strategy(server_type.as_str(), other.clone());
    }
    Ok(cluster.with_strategy(model.balance.as_str(), strategy.clone()).plan()?)
}

/// Seed of the random streams of links and strategies.
pub(super) fn seed(seed: u64, replication: u32) -> u64 {
    Streams::new(seed, replication, "chat: links and strategies").label(0)
}
