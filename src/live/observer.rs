//! Who looks at a running cluster: answers what is asked of it beside whatever changes it, and counts once a second.
//!
//! A stop waits for what is under way, for seconds if a link is cut. Questions do not wait for that: each is a task of its
//! own on the cluster's thread, and sees in the [`Roster`] how far the stop is.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

use super::roster::{Entry, Roster};
use super::router_actor::{RouterActor, WithRouter};
use super::server_actor::inspect::{Count, InspectHoldings};
use super::server_actor::{Clock, ServerActor};
use super::timeline::{EventKind, Timeline};
use crate::audit::{RouterView, Violation, audit};
use crate::router::{Moved, Routed, Router};
use crate::servers::HostCounters;
use crate::time::Time;
use crate::trace::Watch;

/// How often the servers' messages are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Something that is asked; whoever asked gets the answer by a channel of its own.
pub(super) type Question = Box<dyn FnOnce(Observer) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// See the module.
#[derive(Clone)]
pub(super) struct Observer {
    pub(super) roster: Roster,
    pub(super) router: Addr<RouterActor>,
    pub(super) timeline: Timeline,
    pub(super) clock: Clock,
    /// Where the way of messages is written, when somebody wants to see it.
    pub(super) watch: Watch,
    /// Rooms follow their keys.
    pub(super) rooms_move: bool,
}

impl Observer {
    /// Answers questions, each at once, until nobody can ask any more.
    pub(super) async fn answer(self, mut questions: UnboundedReceiver<Question>) {
        while let Some(question) = questions.recv().await {
            actix::spawn(question(self.clone()));
        }
    }

    /// Counts once a second what the servers have done, for as long as the cluster runs.
    pub(super) async fn count(self) {
        let mut counting = interval(COUNT_EVERY);
        counting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counted = Instant::now();
        loop {
            counting.tick().await;
            let counts = self.ask_all(|| Count).await;
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

    /// What does not hold at this moment.
    pub(super) async fn audit(&self) -> Vec<Violation> {
        let held: BTreeMap<_, _> = self
            .ask_all(|| InspectHoldings)
            .await
            .into_iter()
            .filter_map(|(entry, holdings)| Some((entry.id(), (entry.spec.server_type.clone(), holdings?))))
            .collect();
        let Ok(view) = self.with_router(|router, _, _| RouterView::of(router)).await else {
            return Vec::new();
        };
        audit(&held, &view, self.rooms_move).into_iter().collect()
    }

    pub(super) async fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, MailboxError> {
        self.router.send(WithRouter(Box::new(order))).await
    }

    /// Asks all servers at once; none of those that are not up.
    pub(super) async fn ask_all<M>(&self, question: impl Fn() -> M) -> Vec<(Entry, Option<M::Result>)>
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

    /// Notes what a server has counted, if it is still the one that was asked.
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
