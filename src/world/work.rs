//! The costs of a server's work.

use crate::config::ServerSpec;
use crate::random::{Shape, Streams};
use crate::scenario::Costs;
use crate::servers::{Gate, ServerLogic};

/// The kind of a server's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// The server assigns connectors.
    Gate,
    /// The server has clients.
    Connector,
    /// The server has rooms.
    Chat,
}

/// The messages that a delivery makes a server send.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sent {
    /// Envelopes.
    pub envelopes: u64,
    /// Room members that the pushes are for.
    pub members: u64,
    /// Writes to clients.
    pub writes: u64,
}

/// The costs and limits of servers.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The cost of a delivery.
    pub costs: Costs,
    /// The random part of the cost, by server and delivery.
    pub chance: Streams,
    /// The longest queue of deliveries at a server; see `ChatModel::queue_max`.
    pub queue_max: Option<u32>,
    /// The step of the servers' load over time, in nanoseconds.
    pub step_ns: u64,
}

impl Default for Load {
    /// A load without costs. Worlds that take turns use it.
    fn default() -> Self {
        Self { costs: Costs::default(), chance: Streams::new(0, 0, ""), queue_max: None, step_ns: 1 }
    }
}

impl Work {
    /// The work of a server, by its type.
    pub fn of(spec: &ServerSpec) -> Self {
        match spec.server_type.as_str() {
            Gate::NAME => Work::Gate,
            _ if spec.frontend => Work::Connector,
            _ => Work::Chat,
        }
    }

    /// The mean cost in microseconds of a delivery that makes the server send this.
    fn mean_us(self, costs: &Costs, sent: Sent) -> f64 {
        let (base, per_member, per_write) = match self {
            Work::Gate => (costs.gate_us, 0.0, 0.0),
            Work::Connector => (costs.connector_us, 0.0, costs.per_write_us),
            Work::Chat => (costs.chat_us, costs.per_member_us, 0.0),
        };
        base + costs.per_envelope_us * sent.envelopes as f64
            + per_member * sent.members as f64
            + per_write * sent.writes as f64
    }
}

impl Load {
    /// The cost in nanoseconds, at speed 1, of a delivery with this number on a station's server.
    #[inline]
    pub fn cost_ns(&self, station: u16, number: u64, work: Work, sent: Sent) -> f64 {
        let spread = match self.costs.shape {
            Shape::Deterministic => 1.0,
            shape => shape.draw(&mut self.chance.at(u64::from(station), number)),
        };
        work.mean_us(&self.costs, sent) * 1e3 * spread
    }
}
