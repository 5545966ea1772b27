//! A server as a station: a queue in front of a machine that does one thing at a time.

use std::collections::VecDeque;

use crate::config::ServerSpec;
use crate::envelope::Payload;
use crate::random::{Random, Shape};
use crate::scenario::Costs;
use crate::servers::{Delivery, Effect, Outbox, Server};
use crate::stats::LoadSeries;
use crate::time::Time;
use crate::virtual_time::chat::work::Work;

/// See the module.
pub(super) struct Station {
    pub(super) spec: ServerSpec,
    work: Work,
    /// None while it is not up.
    pub(super) server: Option<Box<dyn Server>>,
    /// How often a server has come up or vanished here: what was planned for an earlier one does not happen.
    pub(super) life: u16,
    /// Whether it takes clients.
    pub(super) is_open: bool,
    /// What waits for it.
    pub(super) queue: VecDeque<Delivery>,
    /// What comes of the delivery at hand, when it is done.
    pub(super) out: Outbox,
    pub(super) is_busy: bool,
    /// A tick has come while it was busy.
    pub(super) tick_due: bool,
    /// For when a tick is planned.
    pub(super) tick_at: Option<Time>,
    /// How fast it works: 1 as its costs say.
    pub(super) speed: f64,
    /// Clients connected to it.
    pub(super) connections: usize,
    pub(super) stopping: Option<Stopping>,
    /// It was told to stop for good.
    pub(super) is_struck: bool,
    /// Its load; none when nobody asks.
    pub(super) series: Option<LoadSeries>,
    /// Deliveries that it has begun and that cost something.
    pub(super) begun: u64,
    /// When it came up last, and how long it was up before.
    pub(super) up_since: Time,
    pub(super) up_before_ns: u64,
}

/// How far a server is that stops in good order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stopping {
    /// It answers what is under way, at most until then.
    Answering(Time),
    /// It hands over what it holds, at most until then.
    HandingOver(Time),
}

impl Station {
    pub(super) fn new(spec: ServerSpec, series: Option<LoadSeries>) -> Self {
        Self {
            work: Work::of(&spec),
            spec,
            server: None,
            life: 0,
            is_open: false,
            queue: VecDeque::new(),
            out: Outbox::default(),
            is_busy: false,
            tick_due: false,
            tick_at: None,
            speed: 1.0,
            connections: 0,
            stopping: None,
            is_struck: false,
            series,
            begun: 0,
            up_since: Time::START,
            up_before_ns: 0,
        }
    }

    /// What waits and what is served.
    pub(super) fn in_system(&self) -> u32 {
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX).saturating_add(u32::from(self.is_busy))
    }

    /// Writes its load down.
    pub(super) fn note(&mut self, now: Time) {
        let in_system = self.in_system();
        if let Some(series) = &mut self.series {
            series.set(now, u32::from(self.is_busy), in_system);
        }
    }

    /// How long it has been up until `now`, from `since` on.
    pub(super) fn up_ns(&self, now: Time, since: Time) -> u64 {
        let up = if self.server.is_some() {
            now.as_nanos().saturating_sub(self.up_since.max(since).as_nanos())
        } else {
            0
        };
        self.up_before_ns + up
    }

    /// Forgets what a server that has vanished had in hand.
    pub(super) fn clear(&mut self) {
        self.server = None;
        self.life = self.life.wrapping_add(1);
        self.is_open = false;
        self.queue.clear();
        self.out.effects.clear();
        self.is_busy = false;
        self.tick_due = false;
        self.tick_at = None;
        self.connections = 0;
        self.stopping = None;
    }

    /// What the delivery at hand costs, in nanoseconds.
    pub(super) fn cost_ns(&self, costs: &Costs, random: impl FnOnce() -> Random) -> u64 {
        let (mut envelopes, mut members, mut writes) = (0_u64, 0_u64, 0_u64);
        for effect in &self.out.effects {
            match effect {
                Effect::Send(envelope) => {
                    envelopes += 1;
                    if let Payload::Push { sessions, .. } = &envelope.payload {
                        members += sessions.as_slice().len() as u64;
                    }
                }
                Effect::Push { sessions, .. } => writes += sessions.as_slice().len() as u64,
                Effect::Broadcast { .. } => writes += self.connections as u64,
                _ => {}
            }
        }
        let mean_us = self.work.mean_us(costs, envelopes, members, writes);
        let spread = match costs.shape {
            Shape::Deterministic => 1.0,
            shape => shape.draw(&mut random()),
        };
        (mean_us * 1e3 * spread / self.speed).round() as u64
    }
}
