//! What a cluster is made of: a configuration, server types, routes, strategies, filters.
//!
//! A [`Cluster`] is a description; [`Cluster::plan`] turns it into a router and servers, still
//! pure, which [`live`](crate::live) runs on actors and ports.

mod options;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub use options::Options;

use crate::config::{ClusterSpec, ConfigError, ServerSpec, Warning};
use crate::ids::ServerType;
use crate::router::{NotSticky, Route, RouteKey, Router, RouterOptions, by_session, by_uid};
use crate::servers::{
    Chat, Codec, Connector, Filter, Gate, HandlerTable, Host, HostSetup, ROLES, Registry, Server, ServerLogic,
};
use crate::strategies::{StrategySpec, UnknownStrategy};
use crate::time::Time;
use crate::wire::{Dictionary, HandshakeOffer, Protos};

/// A cluster that has not started. It knows the chat tutorial's three server types and their
/// routes; add your own, or put them in the tutorial's place.
pub struct Cluster {
    spec: ClusterSpec,
    options: Options,
    types: BTreeMap<&'static str, TypeCode>,
    routes: BTreeMap<ServerType, RouteKey>,
    strategies: BTreeMap<ServerType, StrategySpec>,
    filters: BTreeMap<ServerType, Vec<Arc<dyn Filter>>>,
    global_filters: Vec<Arc<dyn Filter>>,
}

/// Why a description is no cluster.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A type whose servers hold rooms is to be chosen anew at each message.
    #[error(transparent)]
    Strategy(#[from] NotSticky),
}

/// A router and servers, ready to be run: pure, and each server to be made on the thread that runs
/// it.
pub struct Plan {
    /// The configuration.
    pub spec: ClusterSpec,
    /// Knows every server of it.
    pub router: Router,
    /// In the order of the configuration.
    pub servers: Vec<PlannedServer>,
    /// Makes more of them, or the same once more.
    pub blueprint: Blueprint,
}

/// What every server of a cluster is made after.
#[derive(Clone)]
pub struct Blueprint {
    types: BTreeMap<&'static str, TypeCode>,
    handlers: Arc<HandlerTable>,
    codec: Codec,
    filters: BTreeMap<ServerType, Vec<Arc<dyn Filter>>>,
    global_filters: Vec<Arc<dyn Filter>>,
    options: Options,
}

/// One server of a plan.
pub struct PlannedServer {
    /// As configured.
    pub spec: ServerSpec,
    /// What its clients are told.
    pub offer: Arc<HandshakeOffer>,
    /// Makes it.
    pub make: Box<dyn FnOnce() -> Box<dyn Server> + Send>,
}

/// The code of a server type, with its Rust type erased.
#[derive(Clone)]
struct TypeCode {
    make: fn(HostSetup) -> Box<dyn Server>,
    handlers: Vec<&'static str>,
    heartbeat: Option<Duration>,
}

impl Cluster {
    /// Reads `servers.json` and its neighbours: see [`ClusterSpec::load`].
    ///
    /// # Errors
    /// A file is missing or wrong.
    pub fn from_config(path: impl AsRef<Path>, env: &str) -> Result<Self, ConfigError> {
        Ok(Self::from_spec(ClusterSpec::load(path.as_ref(), env)?))
    }

    /// A cluster of these servers.
    pub fn from_spec(spec: ClusterSpec) -> Self {
        let cluster = Self {
            spec,
            options: Options::default(),
            types: BTreeMap::new(),
            routes: BTreeMap::new(),
            strategies: BTreeMap::new(),
            filters: BTreeMap::new(),
            global_filters: Vec::new(),
        };
        cluster
            .server_type::<Gate>()
            .server_type::<Connector>()
            .server_type::<Chat>()
            .route(Chat::NAME, by_session(ROLES.room_setting))
    }

    /// Adds the code of a server type, in place of another of that name.
    pub fn server_type<L: ServerLogic>(mut self) -> Self {
        let mut registry = Registry::<L>::default();
        L::register(&mut registry);
        let code = TypeCode {
            make: |setup| Box::new(Host::<L>::new(setup)),
            handlers: registry.handler_routes().collect(),
            heartbeat: L::HEARTBEAT,
        };
        self.types.insert(L::NAME, code);
        self
    }

    /// How messages to servers of a type find their key: Pomelo's `app.route`. Without it, by uid.
    pub fn route(mut self, server_type: &str, key: RouteKey) -> Self {
        self.routes.insert(server_type.into(), key);
        self
    }

    /// Which strategy chooses among the servers of a type, such as `ring(100)`; without it,
    /// [`DEFAULT`](crate::strategies::DEFAULT).
    ///
    /// # Errors
    /// The text is no strategy.
    pub fn strategy(self, server_type: &str, name: &str) -> Result<Self, UnknownStrategy> {
        Ok(self.with_strategy(server_type, name.parse()?))
    }

    /// As [`strategy`](Self::strategy), with a strategy that is parsed already.
    pub fn with_strategy(mut self, server_type: &str, strategy: StrategySpec) -> Self {
        self.strategies.insert(server_type.into(), strategy);
        self
    }

    /// A filter around the handlers of a type.
    pub fn filter(mut self, server_type: &str, filter: impl Filter) -> Self {
        self.filters.entry(server_type.into()).or_default().push(Arc::new(filter));
        self
    }

    /// A filter around everything that clients ask for, on their frontend.
    pub fn global_filter(mut self, filter: impl Filter) -> Self {
        self.global_filters.push(Arc::new(filter));
        self
    }

    /// Sets what no file does.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The configuration.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// The types that this cluster has code for.
    pub fn served(&self) -> Vec<&'static str> {
        self.types.keys().copied().collect()
    }

    /// The types that have a route of their own.
    pub fn routed(&self) -> Vec<&str> {
        self.routes.keys().map(ServerType::as_str).collect()
    }

    /// What works, but perhaps not as meant, with this cluster's routes and options: what
    /// `pomelo-sim check` prints.
    pub fn warnings(&self) -> Vec<Warning> {
        let heeds = |server_type: &ServerType| {
            self.strategies.get(server_type).is_some_and(StrategySpec::heeds_weights)
        };
        let mut warnings = self.spec.warnings(&self.options.roles, &self.routed(), self.options.bind);
        // A type without code is an error elsewhere.
        let served = self.served();
        let is_served = |name: &str| served.contains(&name) || self.spec.of_type(name).next().is_none();
        warnings.retain(|warning| is_served(&warning.about));
        warnings.extend(self.spec.warnings_of_weights(heeds));
        warnings
    }

    pub(crate) fn options_ref(&self) -> &Options {
        &self.options
    }

    pub(crate) fn spec_mut(&mut self) -> &mut ClusterSpec {
        &mut self.spec
    }

    /// Makes the router, and what the servers are made of.
    ///
    /// # Errors
    /// A configured type has no code, two client ports cannot be open at once, or a backend's
    /// strategy does not find keys again.
    pub fn plan(self) -> Result<Plan, PlanError> {
        self.check()?;
        self.checked_plan()
    }

    /// As [`plan`](Self::plan), of a description that passed [`check`](Self::check); it may have
    /// got its ports since.
    pub(crate) fn checked_plan(self) -> Result<Plan, PlanError> {
        self.check_strategies()?;
        let mut handlers = HandlerTable::default();
        for (name, code) in &self.types {
            handlers.add(&ServerType::from(name), &code.handlers);
        }
        let codec = self.codec(&handlers);
        let router = self.router();
        let blueprint = Blueprint {
            types: self.types,
            handlers: Arc::new(handlers),
            codec,
            filters: self.filters,
            global_filters: self.global_filters,
            options: self.options,
        };
        // Checked above: each type has its code.
        let servers = self.spec.servers.iter().filter_map(|server| blueprint.server(server, 0)).collect();
        Ok(Plan { spec: self.spec, router, servers, blueprint })
    }

    /// What can be known to fail before anything is opened.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.spec.check_types(&self.served())?;
        self.spec.clashes(self.options.bind).into_iter().next().map_or(Ok(()), Err)
    }

    fn check_strategies(&self) -> Result<(), NotSticky> {
        self.strategies.iter().try_for_each(|(server_type, strategy)| {
            let servers = self.spec.of_type(server_type.as_str());
            NotSticky::check(server_type, strategy, servers.map(|server| server.frontend))
        })
    }

    fn router(&self) -> Router {
        let mut router = Router::new(&RouterOptions {
            on_duplicate: self.options.on_duplicate,
            rooms_stay: !self.options.rebalance,
            seed: self.options.seed,
            request_timeout: self.options.request_timeout,
        });
        let types = self.types.keys().map(ServerType::from);
        for server_type in types {
            let strategy = self.strategies.get(&server_type).cloned().unwrap_or_default();
            let key = self.routes.get(&server_type).cloned().unwrap_or_else(by_uid);
            router.add_type(server_type, Route { key, strategy });
        }
        for server in &self.spec.servers {
            if let Err(server_type) = router.add_server(server) {
                log::error!("no code for server={} type={server_type}", server.id);
            }
        }
        for rule in &self.options.links {
            router.install(Time::START, rule.clone(), &mut Vec::new());
        }
        router
    }

    fn codec(&self, handlers: &HandlerTable) -> Codec {
        let dictionary = self.spec.dictionary.clone();
        let dictionary = dictionary.map(|pushes| Arc::new(Dictionary::new(handlers.routes(), pushes)));
        // What is wrong in them was said when they were read.
        let protos = self.spec.protos.as_ref();
        let protos = protos.map(|files| Arc::new(Protos::lenient(&files.server, &files.client)));
        Codec { dictionary, protos }
    }
}

impl Blueprint {
    /// One server; none when its type has no code. `generation` counts how often one of its id was
    /// made before.
    pub fn server(&self, spec: &ServerSpec, generation: u32) -> Option<PlannedServer> {
        let code = self.types.get(spec.server_type.as_str())?;
        let setup = HostSetup {
            spec: spec.clone(),
            handlers: Arc::clone(&self.handlers),
            codec: self.codec.clone(),
            global_filters: self.global_filters.clone(),
            filters: self.filters.get(&spec.server_type).cloned().unwrap_or_default(),
            request_timeout: self.options.request_timeout,
            limits: self.options.sessions,
            room_setting: self.options.roles.room_setting,
            generation,
        };
        let make = code.make;
        Some(PlannedServer {
            spec: spec.clone(),
            offer: Arc::new(self.offer(code)),
            make: Box::new(move || make(setup)),
        })
    }

    /// What no file sets.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The types that there is code for.
    pub fn served(&self) -> Vec<&'static str> {
        self.types.keys().copied().collect()
    }

    fn offer(&self, code: &TypeCode) -> HandshakeOffer {
        let heartbeat = code.heartbeat.map(|own| self.options.heartbeat.unwrap_or(own));
        HandshakeOffer {
            // The wire has whole seconds; a part of one is no reason to have no heartbeat.
            heartbeat_s: heartbeat
                .map(|interval| interval.as_secs() + u64::from(interval.subsec_nanos() > 0))
                .filter(|seconds| *seconds > 0),
            dictionary: self.codec.dictionary.clone(),
            protos: self.codec.protos.clone(),
        }
    }
}
