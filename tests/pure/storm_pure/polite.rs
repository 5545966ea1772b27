//! A server that says goodbye to all clients when it stops.

use std::time::Duration;

use pomelo_sim::config::ServerSpec;
use pomelo_sim::ids::Uid;
use pomelo_sim::servers::{Cx, Registry, ServerLogic};
use serde_json::json;

/// Put in the place of the server that it holds.
pub struct Polite<L>(L);

impl<L: ServerLogic> ServerLogic for Polite<L> {
    const NAME: &'static str = L::NAME;
    const HEARTBEAT: Option<Duration> = L::HEARTBEAT;

    fn create(server: &ServerSpec) -> Self {
        Self(L::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|polite| &mut polite.0);
    }

    /// The goodbye names the rooms that the server still has.
    fn before_shutdown(&mut self, cx: &mut Cx<'_>) {
        let goodbye = json!({"server": cx.server().id, "rooms": cx.channels().len()});
        cx.broadcast("connector", "onStop", &goodbye).unwrap();
    }

    fn member_gone(&mut self, cx: &mut Cx<'_>, channel: &str, uid: &Uid) {
        self.0.member_gone(cx, channel, uid);
    }
}
