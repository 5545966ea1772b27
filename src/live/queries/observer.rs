//! The handle of a query on a running cluster, and the figures that are taken once a second.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

use crate::audit::{RouterView, Violation, audit};
use crate::live::clock::Clock;
use crate::live::roster::{Entry, Roster};
use crate::live::router_actor::{RouterActor, WithRouter};
use crate::live::server_actor::{Inside, Inspect, ServerActor};
use crate::live::timeline::{EventKind, Timeline};
use crate::router::{Moved, Routed, Router};
use crate::servers::HostCounters;
use crate::time::Time;
use crate::trace::Watch;

/// How often the servers' messages are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A query. It sends its answer itself.
pub(in crate::live) type Question = Box<dyn FnOnce(Observer) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Everything that a query reads: the roster, the servers' actors and the router's.
#[derive(Clone)]
pub(in crate::live) struct Observer {
    pub(in crate::live) roster: Roster,
    pub(in crate::live) router: Addr<RouterActor>,
    pub(in crate::live) timeline: Timeline,
    pub(in crate::live) clock: Clock,
    /// Where traces are written, while a filter is set.
    pub(in crate::live) watch: Watch,
    /// Whether rooms follow their keys.
    pub(in crate::live) rooms_move: bool,
    /// The session setting that names the room of a session.
    pub(in crate::live) room_setting: &'static str,
}

impl Observer {
    /// Runs queries, each as a task, until the channel closes.
    pub(in crate::live) async fn answer(self, mut questions: UnboundedReceiver<Question>) {
        while let Some(question) = questions.recv().await {
            actix::spawn(question(self.clone()));
        }
    }

    /// Counts the servers' messages once a second, for as long as the cluster runs.
    pub(in crate::live) async fn count(self) {
        let mut counting = interval(COUNT_EVERY);
        counting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counted = Instant::now();
        loop {
            counting.tick().await;
            let counts = self.inspect_all(|inside| inside.server.counters()).await;
            let seconds = counted.elapsed().as_secs_f64().max(0.001);
            counted = Instant::now();
            for (seen, count) in counts {
                self.note_count(&seen, count.unwrap_or_default(), seconds);
            }
            for Moved { server_type, rooms, members } in
                self.with_router(|router, _, _| router.take_moves()).await.unwrap_or_default()
            {
                let text = format!("{rooms} rooms with {members} members have another {server_type} server");
                self.timeline.note(EventKind::Moved, None, text);
            }
        }
    }

    /// The invariants violated at this moment.
    pub(in crate::live) async fn audit(&self) -> Vec<Violation> {
        let held: BTreeMap<_, _> = self
            .inspect_all(|inside| inside.server.holdings())
            .await
            .into_iter()
            .filter_map(|(entry, holdings)| Some((entry.id(), (entry.spec.server_type.clone(), holdings?))))
            .collect();
        let Ok(view) = self.with_router(|router, _, _| RouterView::of(router)).await else {
            return Vec::new();
        };
        audit(&held, &view, self.rooms_move, self.room_setting).into_iter().collect()
    }

    pub(in crate::live) async fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, MailboxError> {
        self.router.send(WithRouter(Box::new(order))).await
    }

    /// Runs a query on every server that is up, between two of its deliveries, on all at once.
    pub(in crate::live) async fn inspect_all<R: Send + 'static>(
        &self,
        query: impl Fn(Inside<'_>) -> R + Clone + Send + 'static,
    ) -> Vec<(Entry, Option<R>)> {
        self.ask_all(|| Inspect(Box::new(query.clone()))).await
    }

    /// Sends a message to every server that is up, to all at once, and waits for the answers.
    pub(in crate::live) async fn ask_all<M>(
        &self,
        question: impl Fn() -> M,
    ) -> Vec<(Entry, Option<M::Result>)>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        ServerActor: Handler<M>,
        Context<ServerActor>: ToEnvelope<ServerActor, M>,
    {
        let ask = |entry: Entry| {
            let asked = entry.actor.as_ref().map(|actor| actor.send(question()));
            (entry, asked)
        };
        // Sent to all before the first answer is awaited, so that they work at the same time.
        let asked: Vec<_> = self.roster.all().into_iter().map(ask).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for (entry, asked) in asked {
            let answer = match asked {
                Some(asked) => asked.await.ok(),
                None => None,
            };
            answers.push((entry, answer));
        }
        answers
    }

    /// Records a server's count, if it is still the server that was asked.
    fn note_count(&self, seen: &Entry, counters: HostCounters, seconds: f64) {
        let (messages, panics) = (counters.taken(), counters.panics);
        let panicked = self.roster.edit(|entries| {
            let is_same = |entry: &&mut Entry| entry.spec.id == seen.spec.id && entry.made == seen.made;
            let entry = entries.iter_mut().find(is_same)?;
            let more = messages.saturating_sub(entry.messages);
            entry.messages = messages;
            entry.messages_per_second = (more as f64 / seconds).round() as u64;
            let panicked = panics.saturating_sub(entry.panics);
            entry.panics = panics;
            Some(panicked)
        });
        if let Some(times) = panicked.filter(|times| *times > 0) {
            let what = if times == 1 { "a handler".to_owned() } else { format!("{times} times a handler") };
            let text = format!("{what} has panicked; the server starts again");
            self.timeline.note(EventKind::Panicked, Some(&seen.spec.id), text);
        }
    }
}
