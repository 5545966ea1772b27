//! Server types that extend others: everything that the other registers works, and so do the
//! additions.

use std::time::Duration;

use crate::support::client::Transport;
use crate::support::fragile::{FragileChat, PANIC_ROUTE, keep_panics_on_purpose_quiet};
use crate::support::world::{LiveWorld, PureWorld, World};
use crate::support::{patient, tutorial};
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::Uid;
use pomelo_sim::servers::{Chat, Connector, Cx, Registry, ServerLogic};
use serde_json::{Value, json};

/// The tutorial's connector, which counts how often it was asked for that.
struct CountingConnector {
    connector: Connector,
    asked: u64,
}

impl ServerLogic for CountingConnector {
    const NAME: &'static str = Connector::NAME;
    const HEARTBEAT: Option<Duration> = Connector::HEARTBEAT;

    fn create(server: &ServerSpec) -> Self {
        Self { connector: Connector::create(server), asked: 0 }
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|counting| &mut counting.connector).handler(
            "entryHandler.count",
            |counting: &mut Self, _, _: Value| {
                counting.asked += 1;
                Ok(json!({"asked": counting.asked}))
            },
        );
    }

    fn session_closed(&mut self, cx: &mut Cx<'_>) {
        self.connector.session_closed(cx);
    }
}

/// The tutorial's chat, in which nobody can say anything.
struct SilentChat(Chat);

impl ServerLogic for SilentChat {
    const NAME: &'static str = Chat::NAME;

    fn create(server: &ServerSpec) -> Self {
        Self(Chat::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .include(|silent| &mut silent.0)
            .handler("chatHandler.send", |_: &mut Self, _, _: Value| -> Result<Value, AppError> {
                Err(AppError::new("hush"))
            });
    }

    fn member_gone(&mut self, cx: &mut Cx<'_>, channel: &str, uid: &Uid) {
        self.0.member_gone(cx, channel, uid);
    }
}

fn on_both(cluster: fn() -> Cluster, play: impl Fn(&mut dyn World)) {
    play(&mut PureWorld::new(cluster()));
    play(&mut LiveWorld::new(cluster().options(patient()), Transport::WebSocket));
}

/// A login is two calls, one after the other: what is done with their answers is the included
/// type's, too.
#[test]
fn the_included_type_works_as_it_did() {
    on_both(
        || tutorial().server_type::<CountingConnector>(),
        |world| {
            let alice = world.enter("connector-server-1", "alice", "lobby");
            let bob = world.enter("connector-server-2", "bob", "lobby");
            for asked in 1..=2 {
                let answer = world.request(alice, "connector.entryHandler.count", json!({}));
                assert_eq!(answer, json!({"asked": asked}));
            }
            assert_eq!(world.send(bob, "hello", "*"), json!({}));
            let heard = world.pushes(alice);
            assert_eq!(heard.iter().map(|(route, _)| &**route).collect::<Vec<_>>(), ["onAdd", "onChat"]);
            world.leave(bob);
            assert_eq!(world.pushes(alice)[0].0, "onLeave");
        },
    );
}

#[test]
fn what_is_registered_later_takes_the_place() {
    on_both(
        || tutorial().server_type::<SilentChat>(),
        |world| {
            let alice = world.enter("connector-server-1", "alice", "lobby");
            assert_eq!(world.send(alice, "hello", "*")["message"], "hush");
        },
    );
}

#[test]
fn a_handler_that_panics_fails_its_request() {
    keep_panics_on_purpose_quiet();
    on_both(
        || tutorial().server_type::<FragileChat>(),
        |world| {
            let alice = world.enter("connector-server-1", "alice", "lobby");
            assert_eq!(world.request(alice, PANIC_ROUTE, json!({}))["code"], 500);
            assert_eq!(world.send(alice, "all is well", "*"), json!({}));
            assert_eq!(world.pushes(alice)[0].1["msg"], "all is well");
        },
    );
}
