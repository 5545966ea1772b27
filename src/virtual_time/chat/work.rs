//! What kind of work a server does, and what it costs.

use crate::config::ServerSpec;
use crate::scenario::Costs;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Work {
    Gate,
    Connector,
    Chat,
}

impl Work {
    /// That of a server, by its type.
    pub(super) fn of(spec: &ServerSpec) -> Self {
        match spec.server_type.as_str() {
            "gate" => Work::Gate,
            _ if spec.frontend => Work::Connector,
            _ => Work::Chat,
        }
    }

    /// The mean cost in microseconds of a delivery that has the server send so many envelopes, push to so many members of a
    /// room, and write to so many clients.
    pub(super) fn mean_us(self, costs: &Costs, envelopes: u64, members: u64, writes: u64) -> f64 {
        let (base, per_member, per_write) = match self {
            Work::Gate => (costs.gate_us, 0.0, 0.0),
            Work::Connector => (costs.connector_us, 0.0, costs.per_write_us),
            Work::Chat => (costs.chat_us, costs.per_member_us, 0.0),
        };
        base + costs.per_envelope_us * envelopes as f64
            + per_member * members as f64
            + per_write * writes as f64
    }
}
