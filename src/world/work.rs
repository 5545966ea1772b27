//! What a server's work costs.

use crate::config::ServerSpec;
use crate::random::{Shape, Streams};
use crate::scenario::Costs;
use crate::servers::{Gate, ServerLogic};

/// The kind of work that a server does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// It names connectors.
    Gate,
    /// It has clients.
    Connector,
    /// It has rooms.
    Chat,
}

/// What a delivery makes a server send.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sent {
    /// Envelopes.
    pub envelopes: u64,
    /// Members of a room that its pushes are for.
    pub members: u64,
    /// Clients that are written to.
    pub writes: u64,
}

/// What servers cost, and what they bear.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What a delivery costs.
    pub costs: Costs,
    /// The chance in it, by server and delivery.
    pub chance: Streams,
    /// How many deliveries may wait for a server; see `ChatModel::queue_max`.
    pub queue_max: Option<u32>,
    /// Steps of the servers' load over time, in nanoseconds.
    pub step_ns: u64,
}

impl Default for Load {
    /// Nothing that anybody asks for.
    fn default() -> Self {
        Self { costs: Costs::default(), chance: Streams::new(0, 0, ""), queue_max: None, step_ns: 1 }
    }
}

impl Work {
    /// That of a server, by its type.
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
    /// What the delivery of this number costs the server of a station, in nanoseconds at speed 1.
    #[inline]
    pub fn cost_ns(&self, station: u16, number: u64, work: Work, sent: Sent) -> f64 {
        let spread = match self.costs.shape {
            Shape::Deterministic => 1.0,
            shape => shape.draw(&mut self.chance.at(u64::from(station), number)),
        };
        work.mean_us(&self.costs, sent) * 1e3 * spread
    }
}
