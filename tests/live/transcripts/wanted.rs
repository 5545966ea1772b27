//! From a scenario and its verdict to what each connection must receive.

use pomelo_sim::wire::{Message, MessageKind, PackageType, WireRoute};
use serde_json::Value;

use super::bodies::Bodies;
use super::scenario::{Event, Scenario, request_id};
use super::seen::Seen;
use super::verdicts::{CLOSED_BY_CLIENT, Verdict};
use crate::support::client::Transport;

/// The last request on each connection that stays open: its answer shows that the connection works,
/// and that nothing more came before.
pub(crate) const PROBE: u64 = 424_242;

impl Scenario {
    /// What the connections must get, each in this order.
    pub(crate) fn wanted(&self, transport: Transport, verdict: &Verdict) -> Vec<Vec<Seen>> {
        let wanted = |connection| {
            let mut seen = match verdict {
                Verdict::AsRecorded => self.as_recorded(connection, transport),
                Verdict::Refused => self.refused(connection),
                Verdict::Closes(_) => after(self.opening(connection), [Seen::closed(transport)]),
                Verdict::Gets(all) => {
                    let name = &self.connections[connection].name;
                    let (_, lines) =
                        all.iter().find(|(known, _)| known == name).expect("a row for each connection");
                    after(self.opening(connection), lines.iter().map(|line| Seen::from_text(line)))
                }
                Verdict::Waits { gets, .. } => {
                    after(self.opening(connection), gets.iter().map(|line| Seen::from_text(line)))
                }
                Verdict::Http | Verdict::Either { .. } => unreachable!("{verdict:?} is not for packages"),
            };
            if !matches!(seen.last(), Some(Seen::Closed(_))) {
                seen.extend(self.first_heartbeat(connection).filter(|_| !self.acknowledges(connection)));
                seen.push(Seen::refused(PROBE));
            }
            seen
        };
        (0..self.connections.len()).map(wanted).collect()
    }

    pub(crate) fn is_closed_by_client(&self, connection: usize) -> bool {
        CLOSED_BY_CLIENT.contains(&(&self.name, &self.connections[connection].name))
    }

    /// The recorded answer to the handshake and, when that is acknowledged, the first heartbeat.
    fn opening(&self, connection: usize) -> Vec<Seen> {
        let handshake = self.received(connection).into_iter().find(Seen::is_handshake);
        let heartbeat = self.first_heartbeat(connection).filter(|_| self.acknowledges(connection));
        handshake.into_iter().chain(heartbeat).collect()
    }

    fn first_heartbeat(&self, connection: usize) -> Option<Seen> {
        (!self.connections[connection].is_gate).then(Seen::heartbeat)
    }

    fn refused(&self, connection: usize) -> Vec<Seen> {
        let is_gate = self.connections[connection].is_gate;
        let answer = |(kind, body): (PackageType, Vec<u8>)| match kind {
            PackageType::Heartbeat if !is_gate => Some(Seen::heartbeat()),
            _ => request_id(kind, &body).map(Seen::refused),
        };
        after(self.opening(connection), self.sent(connection).into_iter().filter_map(answer))
    }

    fn as_recorded(&self, connection: usize, transport: Transport) -> Vec<Seen> {
        let mut seen = self.pushes_first(connection);
        if self.connections[connection].was_closed && !self.is_closed_by_client(connection) {
            seen.push(Seen::closed(transport));
        }
        seen
    }

    fn received(&self, connection: usize) -> Vec<Seen> {
        let steps = self.steps.iter().filter(|step| step.connection == connection);
        let received = |event: &Event| match event {
            Event::Recv(bytes) => Some(Seen::Package(bytes.clone())),
            _ => None,
        };
        steps.filter_map(|step| received(&step.event)).collect()
    }

    /// The recorded packages in the order that holds here: what the handler of a request pushes to
    /// the one who asked precedes the answer. In the original the two take different ways and come
    /// in any order.
    fn pushes_first(&self, connection: usize) -> Vec<Seen> {
        let mut seen = self.received(connection);
        let bodies = Bodies::of(self.cluster);
        let mut from = 0;
        for (_, body) in self.sent(connection) {
            let Ok(Message { kind: MessageKind::Request { id }, route: Some(route), body }) =
                Message::decode(&body)
            else {
                continue;
            };
            let Some(answer) = seen[from..].iter().position(|seen| seen.answers(id)) else { continue };
            let sent = bodies.read_request(&route, body);
            let own = seen[from..].iter().position(|seen| echoes(seen, &sent, &bodies));
            from += answer + 1;
            if let Some(push) = own.filter(|push| *push > answer) {
                let push = seen.remove(from - answer - 1 + push);
                seen.insert(from - 1, push);
                from += 1;
            }
        }
        seen
    }
}

/// Whether this pushes what that request sent.
fn echoes(seen: &Seen, sent: &Value, bodies: &Bodies) -> bool {
    let Some(Message { kind: MessageKind::Push, route: Some(route), body }) = seen.message() else {
        return false;
    };
    let is_chat =
        matches!(&route, WireRoute::Code(4)) || matches!(&route, WireRoute::Name(name) if name == "onChat");
    let pushed = if is_chat { bodies.read_push(&route, body) } else { return false };
    pushed["msg"] == sent["content"] && pushed["target"] == sent["target"]
}

fn after(mut opening: Vec<Seen>, then: impl IntoIterator<Item = Seen>) -> Vec<Seen> {
    opening.extend(then);
    opening
}
