//! A server type of one's own: chat that stamps each message with the time, which it asks of a
//! `time` server by rpc.
//!
//! ```text
//! cargo run --example time_server
//! ```
//! This is the rpc step of Pomelo's chat tutorial. It adds the type `time` to the cluster, puts
//! another `chat` in the place of the tutorial's, and needs one more list in `servers.json`:
//! `"time": [{"id": "time-server-1", …}]`.

use std::path::Path;

use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::{SessionKey, Uid};
use pomelo_sim::router::by_uid;
use pomelo_sim::servers::{Cx, Registry, Reply, ServerLogic};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Knows how long the cluster has been up.
struct TimeServer {
    asked: u64,
}

/// The answer of `timeRemote.getCurrentTime`.
#[derive(Serialize, Deserialize)]
struct Now {
    /// Whole milliseconds since the cluster started.
    uptime_ms: u64,
    /// How often this server was asked.
    asked: u64,
}

impl ServerLogic for TimeServer {
    const NAME: &'static str = "time";

    fn create(_server: &ServerSpec) -> Self {
        Self { asked: 0 }
    }

    fn register(registry: &mut Registry<Self>) {
        registry.remote("timeRemote.getCurrentTime", Self::get_current_time);
    }
}

impl TimeServer {
    fn get_current_time(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Now, AppError> {
        self.asked += 1;
        Ok(Now { uptime_ms: cx.now().as_nanos() / 1_000_000, asked: self.asked })
    }
}

/// A chat that tells the time.
struct StampedChat;

/// What connectors send when a user enters or leaves.
#[derive(Deserialize)]
struct Membership {
    uid: Uid,
    rid: String,
    session: SessionKey,
}

#[derive(Deserialize)]
struct SendMessage {
    content: String,
}

impl ServerLogic for StampedChat {
    const NAME: &'static str = "chat";

    fn create(_server: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .handler("chatHandler.send", Self::send)
            .remote("chatRemote.add", Self::add)
            .remote("chatRemote.kick", Self::kick);
    }
}

impl StampedChat {
    fn send(&mut self, cx: &mut Cx<'_>, SendMessage { content }: SendMessage) -> Reply<Self, Value> {
        // Ask first; the message goes out when the answer is there.
        cx.call("time", "timeRemote.getCurrentTime", &json!({})).then(move |_: &mut Self, cx, now| {
            let now: Now = now?;
            let rid = cx.get_str("rid").unwrap_or_default().to_owned();
            let push =
                json!({"msg": content, "from": cx.uid()?, "uptime_ms": now.uptime_ms, "asked": now.asked});
            cx.channel(&rid).push("onChat", &push)?;
            Ok(json!({}))
        })
    }

    fn add(
        &mut self,
        cx: &mut Cx<'_>,
        Membership { uid, rid, session }: Membership,
    ) -> Result<Vec<Uid>, AppError> {
        let mut room = cx.channel(&rid);
        room.add(uid, session);
        Ok(room.members().cloned().collect())
    }

    fn kick(
        &mut self,
        cx: &mut Cx<'_>,
        Membership { uid, rid, session }: Membership,
    ) -> Result<(), AppError> {
        cx.channel(&rid).leave(&uid, &session);
        Ok(())
    }
}

/// The cluster, on free ports.
pub(crate) fn cluster() -> Result<Cluster, Box<dyn std::error::Error>> {
    let servers = r#"{
        "gate": [{"id": "gate-server-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "connector": [{"id": "connector-server-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "chat": [{"id": "chat-server-1", "host": "127.0.0.1"}],
        "time": [{"id": "time-server-1", "host": "127.0.0.1"}, {"id": "time-server-2", "host": "127.0.0.1"}]
    }"#;
    let spec = ClusterSpec::from_json(servers, "development", Path::new("servers.json"))?;
    let cluster = Cluster::from_spec(spec).server_type::<TimeServer>().server_type::<StampedChat>();
    // Without this line it would be so too: the default route is by uid.
    Ok(cluster.route("time", by_uid()))
}

// The test that drives this file as a module has no use for `main`.
#[allow(dead_code, clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stop = pomelo_sim::live::StopSignal::install()?;
    let running = cluster()?.start()?;
    for (server, address) in running.servers() {
        println!("{} {}", server.id, address.map(|address| address.to_string()).unwrap_or_default());
    }
    stop.wait();
    running.stop();
    Ok(())
}
