//! The tutorial's chat and connector, each with an additional handler that panics.

use std::time::Duration;

use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::Uid;
use pomelo_sim::servers::{Chat, Connector, Cx, Registry, ServerLogic};
use serde_json::{Value, json};

/// Replaces the chat through [`Cluster::server_type`](pomelo_sim::cluster::Cluster::server_type).
pub struct FragileChat {
    chat: Chat,
    /// Set by the handler before it panics: the change must be rolled back.
    is_broken: bool,
}

/// The route that panics.
pub const PANIC_ROUTE: &str = "chat.chatHandler.panic";

/// Its panic message, to suppress it on the terminal.
pub const PANIC_WORDS: &str = "this handler fails on purpose";

impl ServerLogic for FragileChat {
    const NAME: &'static str = Chat::NAME;

    fn create(server: &ServerSpec) -> Self {
        Self { chat: Chat::create(server), is_broken: false }
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|fragile| &mut fragile.chat).handler("chatHandler.panic", Self::panic);
    }

    fn member_gone(&mut self, cx: &mut Cx<'_>, channel: &str, uid: &Uid) {
        self.chat.member_gone(cx, channel, uid);
    }
}

impl FragileChat {
    /// Panic halfway: none of the output may be sent.
    fn panic(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        assert!(!self.is_broken, "the state of before a panic");
        self.is_broken = true;
        let room = cx.get_str("rid").unwrap_or_default().to_owned();
        cx.channel(&room).push("onChat", &json!({"msg": "half done", "from": "nobody", "target": "*"}))?;
        panic!("{PANIC_WORDS}")
    }
}

/// The connector's counterpart.
pub struct FragileConnector(Connector);

impl ServerLogic for FragileConnector {
    const NAME: &'static str = Connector::NAME;
    const HEARTBEAT: Option<Duration> = Connector::HEARTBEAT;

    fn create(server: &ServerSpec) -> Self {
        Self(Connector::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|fragile| &mut fragile.0).handler("entryHandler.panic", Self::panic);
    }
}

impl FragileConnector {
    /// Panic halfway: the session must stay unchanged.
    fn panic(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        cx.set("rid", "half done");
        panic!("{PANIC_WORDS}")
    }
}

/// Suppresses only intended panics on the terminal.
pub fn keep_panics_on_purpose_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload().downcast_ref::<&str>().copied();
        let words = words.or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str));
        if words != Some(PANIC_WORDS) {
            usual(panic);
        }
    }));
}
