//! Messages to a server's actor as a whole: its port opens and closes, it is paused, waited for and
//! ended.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;

use actix::prelude::*;
use tokio::sync::oneshot::channel;

use super::{ServerActor, TakeClientEvents};
use crate::ports::{Port, PortOptions};
use crate::servers::Delivery;

/// Opens the server's port.
#[derive(Message)]
#[rtype(result = "io::Result<()>")]
pub(in crate::live) struct OpenPort(pub(in crate::live) TcpListener, pub(in crate::live) PortOptions);

/// Closes the address of the server's port; its connections stay.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::live) struct StopAccepting;

/// Ends the connections of the server's clients with a reason: by a kick, or as their transport
/// can.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::live) struct ShutPort {
    pub(in crate::live) reason: &'static str,
    pub(in crate::live) kicks: bool,
}

/// Pauses or resumes the server.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::live) struct SetPaused(pub(in crate::live) bool);

/// Answered once the mailbox is drained and the server waits for no answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::live) struct WhenIdle;

/// Answered once no client is connected.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::live) struct WhenUnconnected;

/// Ends the actor at once, and its connections with it.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::live) struct Vanish;

impl Handler<OpenPort> for ServerActor {
    type Result = io::Result<()>;

    fn handle(&mut self, OpenPort(listener, options): OpenPort, ctx: &mut Self::Context) -> Self::Result {
        let (address, received, clock) = (ctx.address(), Rc::clone(&self.received), self.clock.clone());
        let server = options.server.clone();
        let port = Port::open(listener, options, move |event| {
            let mut received = received.borrow_mut();
            received.events.push(event);
            // One message for all events until the actor takes them.
            if received.events.len() == 1 {
                received.since = clock.now();
                address.do_send(TakeClientEvents);
            }
        })?;
        log::info!("port open server={server} address={}", port.address());
        self.port = Some(port);
        Ok(())
    }
}

impl Handler<StopAccepting> for ServerActor {
    type Result = ();

    fn handle(&mut self, StopAccepting: StopAccepting, _ctx: &mut Self::Context) {
        if let Some(port) = &self.port {
            port.stop_accepting();
        }
    }
}

impl Handler<ShutPort> for ServerActor {
    type Result = ();

    fn handle(&mut self, ShutPort { reason, kicks }: ShutPort, _ctx: &mut Self::Context) {
        if let Some(port) = &self.port {
            port.shut_down(reason, kicks);
            port.flush();
        }
    }
}

impl Handler<SetPaused> for ServerActor {
    type Result = ();

    fn handle(&mut self, SetPaused(paused): SetPaused, ctx: &mut Self::Context) {
        if let Some(port) = &self.port {
            port.set_paused(paused);
        }
        if paused {
            self.paused.get_or_insert_default();
            return;
        }
        let Some(waiting) = self.paused.take() else { return };
        // Overdue calls are failed first: their callers have stopped waiting.
        self.deliver(std::iter::once(Delivery::Tick).chain(waiting), ctx);
    }
}

impl Handler<WhenIdle> for ServerActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, WhenIdle: WhenIdle, ctx: &mut Self::Context) -> Self::Result {
        let (asker, idle) = channel();
        self.idle.push(asker);
        self.after_burst(ctx);
        // An actor that ends drops its senders, which answers too.
        Box::pin(async { drop(idle.await) })
    }
}

impl Handler<WhenUnconnected> for ServerActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, WhenUnconnected: WhenUnconnected, _ctx: &mut Self::Context) -> Self::Result {
        match &self.port {
            Some(port) => Box::pin(port.until_empty()),
            None => Box::pin(async {}),
        }
    }
}

impl Handler<Vanish> for ServerActor {
    type Result = ();

    fn handle(&mut self, Vanish: Vanish, ctx: &mut Self::Context) {
        // Its connections end with the port, even if others still hold the actor's address.
        self.port = None;
        ctx.terminate();
    }
}
