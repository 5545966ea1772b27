//! A frontend type, `desk`, and a backend type, `shop`, whose handlers call each other, fail on
//! request, and continue after failed calls.

use std::path::Path;

use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::{ServerId, Uid};
use pomelo_sim::router::by_session;
use pomelo_sim::servers::{Cx, Registry, Reply, ServerLogic};
use serde_json::{Value, json};

use super::fragile::PANIC_WORDS;
use super::world::{Player, World};

/// The frontend.
#[derive(Default)]
pub struct Desk {
    count: u64,
}

/// The backend.
#[derive(Default)]
pub struct Shop {
    notes: u64,
}

fn text<'a>(message: &'a Value, key: &str) -> &'a str {
    message[key].as_str().unwrap_or_default()
}

fn frontend_of(cx: &Cx<'_>) -> ServerId {
    cx.session().unwrap().key.frontend.clone()
}

impl ServerLogic for Desk {
    const NAME: &'static str = "desk";

    fn create(_: &ServerSpec) -> Self {
        Self::default()
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .handler("desk.bind", |_: &mut Self, cx, message: Value| {
                cx.set("aid", message["aid"].clone());
                cx.bind(Uid::from(text(&message, "uid"))).then(
                    |_: &mut Self, _, bound: Result<(), AppError>| {
                        bound?;
                        Ok(json!({}))
                    },
                )
            })
            .handler("desk.unbind", |_: &mut Self, cx, _: Value| {
                cx.unbind()?;
                Ok(json!({}))
            })
            .handler("desk.count", |desk: &mut Self, _, _: Value| {
                desk.count += 1;
                Ok(json!({"count": desk.count}))
            })
            .handler("desk.ask_then_panic", |_: &mut Self, cx, message: Value| {
                let who = cx
                    .call::<Value>("shop", "shopRemote.who", &json!({}))
                    .to(text(&message, "server").into());
                who.then(|desk: &mut Self, _, _: Result<Value, AppError>| -> Result<Value, AppError> {
                    desk.count += 100;
                    panic!("{}", PANIC_WORDS.to_owned())
                })
            })
            .remote("deskRemote.bind", |_: &mut Self, cx, message: Value| {
                cx.bind(Uid::from(text(&message, "uid"))).then(
                    |_: &mut Self, cx, bound: Result<(), AppError>| {
                        bound?;
                        Ok(json!({"uid": cx.uid()?}))
                    },
                )
            })
            .remote("deskRemote.ask", |_: &mut Self, cx, message: Value| {
                let who = cx
                    .call::<Value>("shop", "shopRemote.who", &json!({}))
                    .to(text(&message, "server").into());
                who.then(|_: &mut Self, cx, _: Result<Value, AppError>| {
                    Ok(json!({"bound": cx.uid().is_ok()}))
                })
            });
    }
}

impl ServerLogic for Shop {
    const NAME: &'static str = "shop";

    fn create(_: &ServerSpec) -> Self {
        Self::default()
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .handler("shop.bind", |_: &mut Self, cx, message: Value| {
                let bind = cx.call::<Value>("desk", "deskRemote.bind", &message).to(frontend_of(cx));
                bind.then(|_: &mut Self, _, bound| bound)
            })
            .handler("shop.ask_desk", |_: &mut Self, cx, message: Value| {
                let ask = cx.call::<Value>("desk", "deskRemote.ask", &message).to(frontend_of(cx));
                ask.then(|_: &mut Self, _, answer| answer)
            })
            .handler("shop.join", |_: &mut Self, cx, _: Value| join(cx))
            .handler("shop.shout", |_: &mut Self, cx, message: Value| {
                cx.channel("square").push("onShout", &message)?;
                Ok(json!({}))
            })
            .handler("shop.join_anyhow", |_: &mut Self, cx, message: Value| {
                let who = cx
                    .call::<Value>("shop", "shopRemote.who", &json!({}))
                    .to(text(&message, "server").into());
                who.then(|_: &mut Self, cx, _: Result<Value, AppError>| -> Reply<Self, Value> {
                    Reply::Done(join(cx))
                })
            })
            .handler("shop.note", |_: &mut Self, cx, _: Value| {
                cx.notify_all("shop", "shopRemote.note", &json!({}))?;
                Ok(json!({}))
            })
            .handler("shop.notes", |shop: &mut Self, _, _: Value| Ok(json!({"notes": shop.notes})))
            .handler("shop.panic", |_: &mut Self, _, _: Value| -> Result<Value, AppError> {
                panic!("{}", PANIC_WORDS.to_owned())
            })
            .remote("shopRemote.note", |shop: &mut Self, _, _: Value| {
                shop.notes += 1;
                Ok(json!({}))
            })
            .remote("shopRemote.who", |_: &mut Self, cx, _: Value| Ok(json!({"server": cx.server().id})));
    }
}

fn join(cx: &mut Cx<'_>) -> Result<Value, AppError> {
    let (uid, session) = (cx.uid()?.clone(), cx.session().unwrap().key.clone());
    cx.channel("square").add(uid, session);
    Ok(json!({}))
}

/// Two desks and three shops; messages go to the shop that the session's setting `aid` names. `a`
/// is at shop-2.
pub fn shops() -> Cluster {
    let json = r#"{
        "gate": [{"id": "gate-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "desk": [{"id": "desk-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true},
                 {"id": "desk-2", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "shop": [{"id": "shop-1", "host": "127.0.0.1"}, {"id": "shop-2", "host": "127.0.0.1"},
                 {"id": "shop-3", "host": "127.0.0.1"}]
    }"#;
    let spec = ClusterSpec::from_json(json, "development", Path::new("servers.json")).unwrap();
    Cluster::from_spec(spec).server_type::<Desk>().server_type::<Shop>().route("shop", by_session("aid"))
}

/// A client bound to a uid, in the shop of `a`.
pub fn bound(world: &mut dyn World, desk: &str, uid: &str) -> Player {
    let player = world.open(desk);
    assert_eq!(world.request(player, "desk.desk.bind", json!({"uid": uid, "aid": "a"})), json!({}));
    player
}
