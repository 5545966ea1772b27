//! The tutorial's chat and connector with one handler more each, which panics.

use std::time::Duration;

use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::Uid;
use pomelo_sim::servers::{Chat, Connector, Cx, Registry, ServerLogic};
use serde_json::{Value, json};

/// Put in the chat's place by [`Cluster::server_type`](pomelo_sim::cluster::Cluster::server_type).
pub struct FragileChat {
    chat: Chat,
    /// Set by the handler that panics: what it leaves behind must not be seen again.
    is_broken: bool,
}

/// The route that panics.
pub const PANIC_ROUTE: &str = "chat.chatHandler.panic";

/// What it says, for those who keep it off the terminal.
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
    /// When half is done: nobody may hear of it.
    fn panic(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        assert!(!self.is_broken, "the state of before a panic");
        self.is_broken = true;
        let room = cx.get_str("rid").unwrap_or_default().to_owned();
        cx.channel(&room).push("onChat", &json!({"msg": "half done", "from": "nobody", "target": "*"}))?;
        panic!("{PANIC_WORDS}")
    }
}

/// The same for the connector.
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
    /// When half is done: the session must be as it was.
    fn panic(&mut self, cx: &mut Cx<'_>, _: Value) -> Result<Value, AppError> {
        cx.set("rid", "half done");
        panic!("{PANIC_WORDS}")
    }
}

/// Panics on purpose are not told on the terminal; others are, as always.
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
