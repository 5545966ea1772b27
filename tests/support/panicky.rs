//! The tutorial's chat and connector once more, with one thing added: they panic when a message asks for it, when half is done.

use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::{SessionKey, Uid};
use pomelo_sim::servers::{self, Cx, Registry, ServerLogic};
use serde_json::{Value, json};

/// What its panics say.
pub const ON_PURPOSE: &str = "a handler of this test fails on purpose";

pub struct Chat {
    /// Set while a handler runs: a server that panicked must not go on with it.
    half_done: bool,
}

impl ServerLogic for Chat {
    const NAME: &'static str = "chat";

    fn create(_: &ServerSpec) -> Self {
        Self { half_done: false }
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("chatHandler.send", Self::send).remote("chatRemote.add", Self::add);
    }

    fn member_gone(&mut self, cx: &mut Cx<'_>, channel: &str, uid: &Uid) {
        let gone = json!({"route": "onLeave", "user": name_of(uid)});
        cx.channel(channel).push("onLeave", &gone).unwrap();
    }
}

impl Chat {
    fn send(&mut self, cx: &mut Cx<'_>, message: Value) -> Result<Value, AppError> {
        assert!(!self.half_done, "the state of before the panic");
        self.half_done = true;
        let done = self.relay(cx, &message);
        assert!(message["content"]["panic"].is_null(), "{ON_PURPOSE}");
        self.half_done = false;
        done
    }

    fn relay(&mut self, cx: &mut Cx<'_>, message: &Value) -> Result<Value, AppError> {
        let uid = cx.uid()?.clone();
        let rid = cx.get_str("rid").ok_or_else(|| AppError::new("in no room"))?.to_owned();
        cx.channel(&rid).session_of(uid.as_str()).ok_or_else(|| AppError::new("not in the room"))?;
        let target = message["target"].as_str().unwrap_or("*");
        let push = json!({"msg": message["content"], "from": name_of(&uid), "target": target});
        if target == "*" {
            cx.channel(&rid).push("onChat", &push)?;
        } else {
            let session = cx.channel(&rid).session_of(&format!("{target}*{rid}")).cloned();
            let session = session.ok_or_else(|| AppError::new("no such user"))?;
            cx.push_to_sessions([&session], "onChat", &push)?;
        }
        Ok(json!({}))
    }

    fn add(&mut self, cx: &mut Cx<'_>, who: Value) -> Result<Vec<String>, AppError> {
        let uid = Uid::from(who["uid"].as_str().unwrap());
        let session: SessionKey = serde_json::from_value(who["session"].clone()).unwrap();
        let mut room = cx.channel(who["rid"].as_str().unwrap());
        room.push("onAdd", &json!({"route": "onAdd", "user": name_of(&uid)}))?;
        room.add(uid, session);
        Ok(room.members().map(|uid| name_of(uid).to_owned()).collect())
    }
}

/// The connector, which has a handler that panics.
pub struct Connector(servers::Connector);

impl ServerLogic for Connector {
    const NAME: &'static str = "connector";

    fn create(server: &ServerSpec) -> Self {
        Self(servers::Connector::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|connector| &mut connector.0).handler(
            "entryHandler.panic",
            |_: &mut Self, cx, _: Value| -> Result<Value, AppError> {
                cx.set("rid", "half done");
                panic!("{}", ON_PURPOSE.to_owned())
            },
        );
    }
}

fn name_of(uid: &Uid) -> &str {
    uid.as_str().split('*').next().unwrap()
}

/// Keeps the panics of this file out of the test's output.
pub fn quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let said = info.payload().downcast_ref::<String>();
        if !said.is_some_and(|said| said.contains(ON_PURPOSE)) {
            usual(info);
        }
    }));
}
