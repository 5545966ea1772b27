//! What carries orders out: a running cluster, or a test's stand-in for one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::request::{Code, Order, Refusal};
use crate::audit::Violation;
use crate::config::{Bites, ClusterSpec, ConfigError, Present, ServerSpec, additions};
use crate::ids::ServerId;
use crate::live::{
    ClusterView, ControlError, Events, LiveExplanation, Reloaded, RoomDetail, RoomQuery, Rooms,
    RunningCluster, ServerStatus, StopHandle, TypeView, Users, Verb,
};
use crate::router::{LinkRule, Preview};
use crate::strategies::{ALL, Kind, Parameter, StrategyEntry, StrategySpec};
use crate::trace::{Filter, TapeView};

/// How long something must not have held to be a fault, and no moment of a busy cluster.
const AUDIT_TIME: Duration = Duration::from_millis(500);

/// What can be asked of a cluster from another thread: [`RunningCluster`]'s methods.
pub trait Orders: Send + Sync {
    /// How every server is.
    ///
    /// # Errors
    /// As [`RunningCluster::list`].
    fn list(&self) -> Result<Vec<ServerStatus>, ControlError>;
    /// What does not hold though it must.
    ///
    /// # Errors
    /// As [`RunningCluster::audit_for`].
    fn audit(&self) -> Result<Vec<Violation>, ControlError>;
    /// Starts a server.
    ///
    /// # Errors
    /// As [`RunningCluster::add`].
    fn add(&self, server: ServerSpec) -> Result<(), ControlError>;
    /// Does something with one server.
    ///
    /// # Errors
    /// As the [`RunningCluster`]'s method of that name.
    fn each(&self, verb: Verb, id: &str) -> Result<(), ControlError>;
    /// Makes the cluster what its configuration says now.
    ///
    /// # Errors
    /// The configuration is wrong, or as [`RunningCluster::reload`].
    fn reload(&self) -> Result<Reloaded, ControlError>;
    /// The rules of the links.
    ///
    /// # Errors
    /// As [`RunningCluster::link_rules`].
    fn link_rules(&self) -> Result<Vec<LinkRule>, ControlError>;
    /// Adds a rule, and gives its name.
    ///
    /// # Errors
    /// As [`RunningCluster::add_link_rule`].
    fn add_link_rule(&self, rule: LinkRule) -> Result<String, ControlError>;
    /// Takes a rule away, or all.
    ///
    /// # Errors
    /// As [`RunningCluster::heal`].
    fn heal(&self, name: Option<&str>) -> Result<(), ControlError>;
    /// What all have counted.
    ///
    /// # Errors
    /// As [`RunningCluster::view`].
    fn view(&self) -> Result<ClusterView, ControlError>;
    /// Some rooms.
    ///
    /// # Errors
    /// As [`RunningCluster::rooms`].
    fn rooms(&self, query: RoomQuery) -> Result<Rooms, ControlError>;
    /// A room, and who is in it.
    ///
    /// # Errors
    /// As [`RunningCluster::room`].
    fn room(&self, room: &str) -> Result<RoomDetail, ControlError>;
    /// Some users.
    ///
    /// # Errors
    /// As [`RunningCluster::users`].
    fn users(&self, search: &str, limit: usize) -> Result<Users, ControlError>;
    /// Closes a user's session, and gives its frontend.
    ///
    /// # Errors
    /// As [`RunningCluster::kick`].
    fn kick(&self, uid: &str, reason: &str) -> Result<ServerId, ControlError>;
    /// What has happened, from a number on.
    fn events(&self, since: u64) -> Events;
    /// By which strategy each type is chosen.
    ///
    /// # Errors
    /// As [`RunningCluster::strategies`].
    fn strategies(&self) -> Result<Vec<TypeView>, ControlError>;
    /// Gives a type another strategy, or says what that would do.
    ///
    /// # Errors
    /// As [`RunningCluster::set_strategy`].
    fn strategy(
        &self,
        server_type: &str,
        strategy: StrategySpec,
        preview: bool,
    ) -> Result<Preview, ControlError>;
    /// Where a user and a room land and are.
    ///
    /// # Errors
    /// As [`RunningCluster::explain`].
    fn explain(&self, uid: &str, rid: &str) -> Result<LiveExplanation, ControlError>;
    /// The steps of traces from that number on.
    ///
    /// # Errors
    /// As [`RunningCluster::trace`].
    fn trace(&self, since: u64) -> Result<TapeView, ControlError>;
    /// Traces what a filter wants, for so long; or nothing any more.
    ///
    /// # Errors
    /// As [`RunningCluster::trace_on`].
    fn set_trace(&self, on: Option<(Filter, Duration)>) -> Result<TapeView, ControlError>;
    /// Lets the whole cluster end, and does not wait for it.
    fn end(&self);
}

/// A running cluster, and how to end it.
pub struct LiveOrders {
    /// The cluster.
    pub cluster: Arc<RunningCluster>,
    /// What its owner waits for.
    pub stop: StopHandle,
    /// Its configuration.
    pub load: Load,
}

/// Reads the configuration of a cluster once more, as it was read at its start.
pub type Load = Box<dyn Fn() -> Result<ClusterSpec, ConfigError> + Send + Sync>;

impl Orders for LiveOrders {
    fn list(&self) -> Result<Vec<ServerStatus>, ControlError> {
        self.cluster.list()
    }

    fn audit(&self) -> Result<Vec<Violation>, ControlError> {
        self.cluster.audit_for(AUDIT_TIME)
    }

    fn add(&self, server: ServerSpec) -> Result<(), ControlError> {
        self.cluster.add(server)
    }

    fn each(&self, verb: Verb, id: &str) -> Result<(), ControlError> {
        self.cluster.change(verb, id)
    }

    fn reload(&self) -> Result<Reloaded, ControlError> {
        self.cluster.reload(&(self.load)()?)
    }

    fn link_rules(&self) -> Result<Vec<LinkRule>, ControlError> {
        self.cluster.link_rules()
    }

    fn add_link_rule(&self, rule: LinkRule) -> Result<String, ControlError> {
        self.cluster.add_link_rule(rule)
    }

    fn heal(&self, name: Option<&str>) -> Result<(), ControlError> {
        self.cluster.heal(name)
    }

    fn view(&self) -> Result<ClusterView, ControlError> {
        self.cluster.view()
    }

    fn rooms(&self, query: RoomQuery) -> Result<Rooms, ControlError> {
        self.cluster.rooms(query)
    }

    fn room(&self, room: &str) -> Result<RoomDetail, ControlError> {
        self.cluster.room(room)
    }

    fn users(&self, search: &str, limit: usize) -> Result<Users, ControlError> {
        self.cluster.users(search, limit)
    }

    fn kick(&self, uid: &str, reason: &str) -> Result<ServerId, ControlError> {
        self.cluster.kick(uid, reason)
    }

    fn events(&self, since: u64) -> Events {
        self.cluster.timeline().since(since)
    }

    fn strategies(&self) -> Result<Vec<TypeView>, ControlError> {
        self.cluster.strategies()
    }

    fn strategy(
        &self,
        server_type: &str,
        strategy: StrategySpec,
        preview: bool,
    ) -> Result<Preview, ControlError> {
        match preview {
            true => self.cluster.preview_strategy(server_type, strategy),
            false => self.cluster.set_strategy(server_type, strategy),
        }
    }

    fn explain(&self, uid: &str, rid: &str) -> Result<LiveExplanation, ControlError> {
        self.cluster.explain(uid, rid)
    }

    fn trace(&self, since: u64) -> Result<TapeView, ControlError> {
        self.cluster.trace(since)
    }

    fn set_trace(&self, on: Option<(Filter, Duration)>) -> Result<TapeView, ControlError> {
        match on {
            Some((filter, lasts)) => self.cluster.trace_on(filter, lasts),
            None => self.cluster.trace_off(),
        }
    }

    fn end(&self) {
        self.stop.stop();
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        let code = match error {
            ControlError::UnknownServer { .. } => Code::UnknownServer,
            ControlError::Exists { .. } => Code::Exists,
            ControlError::PortTaken { .. } => Code::PortTaken,
            ControlError::WrongState { .. } => Code::WrongState,
            ControlError::Config(_) => Code::BadConfig,
            ControlError::Start(_) => Code::CannotStart,
            ControlError::UnknownUser { .. } => Code::UnknownUser,
            ControlError::UnknownRoom { .. } => Code::UnknownRoom,
            ControlError::UnknownRule(_) => Code::UnknownRule,
            ControlError::UnknownType { .. } => Code::UnknownType,
            ControlError::NotSticky(_) => Code::BadConfig,
            ControlError::Ended => Code::Ended,
        };
        Refusal::new(code, error.to_string())
    }
}

/// Carries an order out; the value is what stands behind `ok`. [`Order::StopAll`] is only answered here, so that the
/// answer can be sent: [`Orders::end`] is to follow.
///
/// # Errors
/// The cluster refuses it.
pub fn carry_out(order: Order, cluster: &dyn Orders) -> Result<Value, Refusal> {
    match order {
        Order::List => Ok(json!({ "servers": cluster.list()? })),
        Order::Audit => Ok(json!({ "violations": cluster.audit()? })),
        Order::Add(fields) => {
            let present: Vec<Present> = cluster.list()?.into_iter().map(present).collect();
            let servers = additions(&fields, &present);
            let servers = servers.map_err(|error| Refusal::new(Code::BadConfig, error.to_string()))?;
            // Whether its port opens, it will know by then.
            let warnings = servers.iter().flat_map(ServerSpec::warnings);
            let warnings: Vec<String> = warnings
                .filter(|warning| warning.bites != Bites::AtStart)
                .map(|warning| warning.to_string())
                .collect();
            let added = one_by_one(servers, |server| server.id.to_string(), |server| cluster.add(server))?;
            Ok(json!({ "added": added, "warnings": warnings }))
        }
        Order::Each(verb, ids) => {
            let done = one_by_one(ids, String::clone, |id| cluster.each(verb, &id))?;
            Ok(json!({ "done": done }))
        }
        Order::StopAll => Ok(json!({ "stopping": true })),
        Order::Reload => Ok(json!(cluster.reload()?)),
        Order::Links => Ok(json!({ "rules": cluster.link_rules()? })),
        Order::Link(rule) => {
            let warnings = rule_warnings(&rule, &cluster.list()?);
            Ok(json!({ "name": cluster.add_link_rule(rule)?, "warnings": warnings }))
        }
        Order::Heal(names) if names.is_empty() => {
            let healed: Vec<String> = cluster.link_rules()?.into_iter().map(|rule| rule.name).collect();
            cluster.heal(None)?;
            Ok(json!({ "healed": healed }))
        }
        Order::Heal(names) => {
            let healed = one_by_one(names, String::clone, |name| cluster.heal(Some(&name)))?;
            Ok(json!({ "healed": healed }))
        }
        Order::View => Ok(json!(cluster.view()?)),
        Order::Rooms(query) => Ok(json!(cluster.rooms(query)?)),
        Order::Room(room) => Ok(json!(cluster.room(&room)?)),
        Order::Users { search, limit } => Ok(json!(cluster.users(&search, limit)?)),
        Order::Kick { uid, reason } => {
            let frontend = cluster.kick(&uid, &reason)?;
            Ok(json!({ "kicked": uid, "frontend": frontend }))
        }
        Order::Events { since } => Ok(json!(cluster.events(since))),
        Order::Strategies => Ok(json!({ "types": cluster.strategies()?, "strategies": known_strategies() })),
        Order::Strategy { server_type, strategy, preview } => {
            Ok(json!(cluster.strategy(&server_type, strategy, preview)?))
        }
        Order::Trace { since } => Ok(json!(cluster.trace(since)?)),
        Order::SetTrace(on) => Ok(json!(cluster.set_trace(on)?)),
        Order::Explain { uid, rid } => Ok(json!(cluster.explain(&uid, &rid)?)),
    }
}

/// The table of strategies, for whoever offers a choice of them.
fn known_strategies() -> Vec<Value> {
    let parameter = |parameter: Parameter| match parameter {
        Parameter::None => Value::Null,
        Parameter::Number { what, default, min, max, .. } => {
            json!({ "what": what, "default": default, "min": min, "max": max })
        }
        Parameter::Inner => json!("strategy"),
    };
    let known = |entry: &StrategyEntry| {
        json!({
            "name": entry.name,
            "summary": entry.summary,
            "sticky": entry.kind == Kind::Sticky,
            "weighted": entry.weighted,
            "parameter": parameter(entry.parameter),
        })
    };
    ALL.iter().map(known).collect()
}

/// Does one after the other, up to the first that fails.
fn one_by_one<T>(
    all: Vec<T>,
    name: fn(&T) -> String,
    each: impl Fn(T) -> Result<(), ControlError>,
) -> Result<Vec<String>, Refusal> {
    let mut done = Vec::with_capacity(all.len());
    for one in all {
        let name = name(&one);
        if let Err(error) = each(one) {
            return Err(Refusal { done, ..Refusal::from(error) });
        }
        done.push(name);
    }
    Ok(done)
}

fn present(server: ServerStatus) -> Present {
    Present {
        id: server.id,
        server_type: server.server_type,
        host: server.host,
        port: server.port,
        client_port: server.clients.map(|address| address.port()),
        is_down: server.state.is_down(),
    }
}

/// A rule for a server that is not there yet may be meant so, or be a slip.
fn rule_warnings(rule: &LinkRule, servers: &[ServerStatus]) -> Vec<String> {
    let nobody = |name: &str| {
        let mut names = servers.iter().flat_map(|server| [server.id.as_str(), server.server_type.as_str()]);
        name != "*" && !names.any(|known| known == name)
    };
    let ends = [("from", &rule.from), ("to", &rule.to)];
    let unmet = ends.into_iter().filter(|(_, name)| nobody(name));
    unmet.map(|(end, name)| format!("{end}: no server has the id or the type {name:?} now")).collect()
}
