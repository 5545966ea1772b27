//! A host's part in traces: where they begin and end.

use bytes::Bytes;

use super::Host;
use crate::envelope::AppError;
use crate::ids::{SessionId, Uid};
use crate::servers::outbox::Outbox;
use crate::servers::{ServerLogic, name_of};
use crate::time::Time;
use crate::trace::{Asked, Trail, Way, What, bounded};

impl<L: ServerLogic> Host<L> {
    /// Begins a trace for a client's message if a watch selects it.
    pub(super) fn begin_trace(
        &self,
        since: Time,
        session: SessionId,
        route: &str,
        (request, body): (u64, &Bytes),
        out: &mut Outbox,
    ) {
        let Some((watch, client)) = out.watch().zip(self.clients.get(session)) else { return };
        let (uid, rid) = (client.session.uid.as_ref(), client.session.get_str(self.setup.room_setting));
        // Decode first: protobuf is not text. A body that cannot be decoded is refused later, when
        // it is handled.
        let decoded = self.setup.codec.decode(route, body.clone()).unwrap_or_default();
        let asked = Asked {
            server: self.id().as_str(),
            route,
            uid: uid.map(Uid::as_str),
            name: uid.map(name_of),
            rid,
            body: &decoded,
        };
        let Some(trace) = watch.begin(self.now, &asked) else { return };
        let received = What::Received {
            route: bounded(route),
            kind: if request == 0 { Way::Notify } else { Way::Request },
            uid: uid.map(|uid| bounded(uid.as_str())),
            rid: rid.map(bounded),
            session: session.serial(),
            bytes: body.len(),
            body: bounded(&String::from_utf8_lossy(&decoded)),
        };
        out.follow(Some(Trail { trace, waited: self.now.since(since) }));
        out.step(|_| received);
    }

    /// Notes that a handler or remote has finished.
    pub(super) fn step_handled(route: &str, result: &Result<Bytes, AppError>, out: &mut Outbox) {
        out.step(|trail| What::Handled {
            route: bounded(route),
            waited_us: micros(trail.waited),
            error: result.as_ref().err().map(|error| bounded(&error.message)),
        });
    }

    /// Notes that a client has its answer.
    pub(super) fn step_answered(&self, since: Time, error: Option<&AppError>, out: &mut Outbox) {
        out.step(|_| What::Answered {
            error: error.map(|error| bounded(&error.message)),
            took_us: micros(self.now.since(since)),
        });
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
