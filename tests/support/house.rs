//! A frontend type that admits, kicks and broadcasts, and a backend type with a slow handler.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::SessionKey;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::servers::{Cx, Filter, FilterCall, Registry, Reply, ServerLogic};
use serde_json::{Value, json};

pub const DOOR: &str = "door-1";

/// A frontend.
struct Door {
    last: Option<SessionKey>,
}

/// A backend.
struct Bell;

impl ServerLogic for Door {
    const NAME: &'static str = "door";

    fn create(_: &ServerSpec) -> Self {
        Self { last: None }
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .handler("doorHandler.come", Self::come)
            .handler("doorHandler.throw", Self::throw)
            .handler("doorHandler.shout", Self::shout)
            .handler("doorHandler.ring", Self::ring);
    }
}

impl Door {
    /// The frontend remembers its last client.
    fn come(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        self.last = cx.session().map(|session| session.key.clone());
        Ok(json!({}))
    }

    /// Kicks that client.
    fn throw(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        cx.kick(&self.last.take().unwrap(), "thrown out");
        Ok(json!({}))
    }

    /// Broadcasts the message.
    fn shout(&mut self, cx: &mut Cx<'_>, message: Value) -> Result<Value, AppError> {
        cx.broadcast("door", "onShout", &message)?;
        Ok(json!({}))
    }

    fn ring(&mut self, cx: &mut Cx<'_>, message: Value) -> Reply<Self, Value> {
        cx.call::<Value>("bell", "bellRemote.ring", &message).then(|_: &mut Self, _, rung| rung)
    }
}

impl ServerLogic for Bell {
    const NAME: &'static str = "bell";

    fn create(_: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        // A backend's handler: many of a client's requests are in flight at once.
        registry.handler("bellHandler.ring", |_, _, message: Value| Ok(ring(message)));
        registry.remote("bellRemote.ring", |_, _, message: Value| Ok(ring(message)));
    }
}

fn ring(message: Value) -> Value {
    std::thread::sleep(Duration::from_millis(message["ms"].as_u64().unwrap()));
    message
}

/// Counts the messages that a frontend has read. A snapshot would have to wait for the slow
/// handler.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Filter for Counter {
    fn before(&self, _: &mut FilterCall<'_>) -> Result<(), AppError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// One frontend and one slow backend, each on a separate thread, and the types that every cluster
/// needs.
pub fn house(options: Options) -> RunningCluster {
    counting_house(options).0
}

/// The same, counting clients' messages.
pub fn counting_house(options: Options) -> (RunningCluster, Counter) {
    let json = r#"{
        "door": [{"id": "door-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "bell": [{"id": "bell-1", "host": "127.0.0.1", "port": 0}],
        "gate": [{"id": "gate-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "connector": [{"id": "connector-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "chat": [{"id": "chat-1", "host": "127.0.0.1", "port": 0}]
    }"#;
    let spec = ClusterSpec::from_json(json, "development", Path::new("servers.json")).unwrap();
    let options = Options { threads: 2, ..options };
    let (cluster, counter) = (Cluster::from_spec(spec), Counter::default());
    let cluster = cluster.server_type::<Door>().server_type::<Bell>().global_filter(counter.clone());
    (cluster.options(options).start().unwrap(), counter)
}
