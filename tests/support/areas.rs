//! A frontend type, `door`, and a backend type, `area`, for tests of the programming model.

use std::path::Path;

use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::{SessionKey, Uid};
use pomelo_sim::router::by_session;
use pomelo_sim::servers::{Cx, Registry, Reply, ServerLogic};
use serde_json::{Value, json};

use super::world::{Player, World};

pub struct Door;

pub struct Area {
    id: String,
    hooks: Vec<&'static str>,
}

#[derive(serde::Deserialize)]
struct Typed {
    word: String,
}

impl ServerLogic for Door {
    const NAME: &'static str = "door";

    fn create(_: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .handler("door.bind", |_: &mut Self, cx, message: Value| {
                let uid = Uid::from(message["uid"].as_str().unwrap_or_default());
                cx.set("aid", message["aid"].clone());
                cx.bind(uid).then(|_: &mut Self, cx, bound: Result<(), AppError>| {
                    bound?;
                    Ok(json!({"uid": cx.uid()?}))
                })
            })
            .handler("door.unbind", |_: &mut Self, cx, _: Value| {
                cx.unbind()?;
                Ok(json!({"bound": cx.uid().is_ok()}))
            })
            .handler("door.settings", |_: &mut Self, cx, _: Value| {
                Ok(json!({"aid": cx.get("aid"), "seen": cx.get("seen"), "kept": cx.get("kept")}))
            })
            .handler("door.panic", |_: &mut Self, _, _: Value| -> Result<Value, AppError> {
                panic!("a handler of this test fails on purpose")
            });
    }

    fn session_closed(&mut self, cx: &mut Cx<'_>) {
        if cx.uid().is_ok() {
            cx.notify("area", "areaRemote.gone", &cx.session().unwrap().key.clone()).unwrap();
        }
    }
}

impl ServerLogic for Area {
    const NAME: &'static str = "area";

    fn create(server: &ServerSpec) -> Self {
        Self { id: server.id.to_string(), hooks: vec!["create"] }
    }

    fn after_start(&mut self, _: &mut Cx<'_>) {
        self.hooks.push("after_start");
    }

    fn after_start_all(&mut self, _: &mut Cx<'_>) {
        self.hooks.push("after_start_all");
    }

    fn register(registry: &mut Registry<Self>) {
        registry
            .handler("area.where", |area: &mut Self, _, _: Value| Ok(json!({"area": area.id})))
            .handler("area.set", |_: &mut Self, cx, message: Value| {
                cx.set("seen", message["seen"].clone());
                cx.set("kept", "only in the backend's copy");
                cx.push("seen");
                Ok(json!({}))
            })
            .handler("area.hooks", |area: &mut Self, _, _: Value| Ok(area.hooks.clone()))
            .handler("area.typed", |_: &mut Self, _, message: Typed| Ok(message.word))
            .handler("area.unbind", |_: &mut Self, cx, _: Value| {
                cx.unbind()?;
                Ok(json!({}))
            })
            .handler("area.ask", |_: &mut Self, cx, message: Value| {
                let server = message["server"].as_str().unwrap_or_default();
                let who = cx.call::<String>("area", "areaRemote.who", &json!({})).to(server.into());
                who.then(|_: &mut Self, _, id| id)
            })
            .handler("area.ring", |_: &mut Self, cx, _: Value| {
                cx.notify_all("area", "areaRemote.ring", &json!({}))?;
                Ok(json!({}))
            })
            .remote("areaRemote.ring", |area: &mut Self, cx, _: Value| {
                let session = cx.session().unwrap().key.clone();
                cx.push_to_sessions([&session], "onRing", &json!({"area": area.id}))
            })
            .handler("area.join", |_: &mut Self, cx, _: Value| {
                let (uid, session) = (cx.uid()?.clone(), cx.session().unwrap().key.clone());
                cx.channel("square").add(uid, session);
                let members: Vec<Uid> = cx.channel("square").members().cloned().collect();
                Ok(json!({"members": members}))
            })
            .handler("area.leave", |_: &mut Self, cx, _: Value| {
                let (uid, session) = (cx.uid()?.clone(), cx.session().unwrap().key.clone());
                Ok(json!({"was_in": cx.channel("square").leave(&uid, &session)}))
            })
            .handler("area.shout", |_: &mut Self, cx, message: Value| {
                cx.channel("square").push("onShout", &message)?;
                Ok(json!({}))
            })
            .handler("area.tell", |_: &mut Self, cx, message: Value| {
                let uids = serde_json::from_value(message["uids"].clone()).unwrap();
                cx.push_to_uids(uids, "onTell", &json!({"msg": message["msg"]}))?;
                Ok(json!({}))
            })
            .handler("area.news", |_: &mut Self, cx, message: Value| {
                cx.broadcast("door", "onNews", &message)?;
                Ok(json!({}))
            })
            .handler("area.kick", |_: &mut Self, cx, message: Value| {
                let session = cx.session().unwrap().key.clone();
                cx.kick(&session, message["reason"].as_str().unwrap_or("kick"));
                Ok(json!({}))
            })
            .handler("area.chain", |_: &mut Self, cx, _: Value| {
                // Two calls, one after the other, to servers chosen by key.
                let first = cx.call::<Value>("area", "areaRemote.who", &json!({})).key("a");
                first.then(|_: &mut Self, cx, one: Result<Value, AppError>| -> Reply<Self, Value> {
                    let second = cx.call::<Value>("area", "areaRemote.who", &json!({})).key("alice");
                    second.then(move |_: &mut Self, _, two: Result<Value, AppError>| {
                        Ok(json!({"one": one?, "two": two?}))
                    })
                })
            })
            .handler("area.ask_then_shout", |_: &mut Self, cx, message: Value| {
                let server = message["server"].as_str().unwrap_or_default();
                let who = cx.call::<String>("area", "areaRemote.who", &json!({})).to(server.into());
                who.then(|area: &mut Self, cx, who: Result<String, AppError>| {
                    cx.channel("square").push("onShout", &json!({"by": area.id, "of": who?}))?;
                    Ok(json!({}))
                })
            })
            .handler("area.ask_nobody", |_: &mut Self, cx, _: Value| {
                cx.call::<Value>("nowhere", "x.y", &json!({})).then(|_: &mut Self, _, answer| answer)
            })
            .remote("areaRemote.who", |area: &mut Self, _, _: Value| Ok(area.id.clone()))
            .remote("areaRemote.gone", |_: &mut Self, cx, session: SessionKey| {
                let uid = cx.uid()?.clone();
                cx.channel("square").leave(&uid, &session);
                cx.channel("square").push("onGone", &json!({"uid": uid}))
            });
    }
}

pub const DOOR: &str = "door-server-1";

/// Two doors and three areas; messages go to the area that the session's setting `aid` names.
pub fn areas() -> Cluster {
    let json = r#"{
        "gate": [{"id": "gate-server-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "door": [{"id": "door-server-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true},
                 {"id": "door-server-2", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "area": [{"id": "area-1", "host": "127.0.0.1"}, {"id": "area-2", "host": "127.0.0.1"},
                 {"id": "area-3", "host": "127.0.0.1"}]
    }"#;
    let spec = ClusterSpec::from_json(json, "development", Path::new("servers.json")).unwrap();
    Cluster::from_spec(spec).server_type::<Door>().server_type::<Area>().route("area", by_session("aid"))
}

/// A client bound to a uid, in an area.
pub fn bound(world: &mut dyn World, door: &str, uid: &str, aid: &str) -> Player {
    let player = world.open(door);
    assert_eq!(world.request(player, "door.door.bind", json!({"uid": uid, "aid": aid})), json!({"uid": uid}));
    player
}
