//! A judge's result: how often each invariant was broken, and the first few cases in words.

use std::fmt;

use serde::Serialize;

/// Examples kept for each invariant.
const EXAMPLES_MAX: u64 = 4;

/// The ways to break the invariants, as they are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Breach {
    Lost,
    Doubled,
    Disordered,
    Unanswered,
    Foreign,
    Ghosts,
}

/// How often each invariant was broken. All counts should be zero.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// Acknowledged messages that a member did not get, counted once a member.
    pub lost: u64,
    /// Messages that a member got again, and requests that were answered again.
    pub doubled: u64,
    /// Messages that a member got after one that should have come later.
    pub disordered: u64,
    /// Messages that a member got although they were not sent, or not to it; answers without a
    /// request.
    pub foreign: u64,
    /// Requests without an answer although their sender is still connected.
    pub unanswered: u64,
    /// Members that somebody sees although they are not present, or does not see although they are.
    #[serde(skip)]
    pub ghosts: u64,
    /// The first few breaches of each invariant, in words.
    pub examples: Vec<String>,
    /// The number of events that this verdict is on.
    #[serde(skip)]
    pub totals: Recorded,
}

/// The recorded events. `attempted` is the sum of the five kinds below it: acknowledged, refused,
/// unknown, failed, open.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Entries into rooms.
    pub entered: u64,
    /// Messages sent.
    pub attempted: u64,
    /// Messages that were answered without an error.
    pub acknowledged: u64,
    /// Messages that were answered with 503: the server is busy.
    pub refused: u64,
    /// Messages that were answered with 504: the outcome is unknown.
    pub unknown: u64,
    /// Messages that were answered with another error.
    pub failed: u64,
    /// Messages without an answer, mostly because their sender's connection was lost.
    pub open: u64,
    /// Texts received, counted once a receiver.
    pub delivered: u64,
}

impl Verdict {
    /// Whether no invariant was broken.
    pub fn is_clean(&self) -> bool {
        self.broken() == 0
    }

    /// Number of breaches of all invariants.
    pub fn broken(&self) -> u64 {
        let Self { lost, doubled, disordered, unanswered, foreign, ghosts, .. } = self;
        lost + doubled + disordered + unanswered + foreign + ghosts
    }

    pub(super) fn add(&mut self, breach: Breach, example: impl FnOnce() -> String) {
        let (count, name) = match breach {
            Breach::Lost => (&mut self.lost, "lost"),
            Breach::Doubled => (&mut self.doubled, "doubled"),
            Breach::Disordered => (&mut self.disordered, "disordered"),
            Breach::Unanswered => (&mut self.unanswered, "unanswered"),
            Breach::Foreign => (&mut self.foreign, "foreign"),
            Breach::Ghosts => (&mut self.ghosts, "ghost"),
        };
        *count += 1;
        if *count <= EXAMPLES_MAX {
            self.examples.push(format!("{name}: {}", example()));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, doubled, disordered, unanswered, foreign, ghosts, examples, totals } = self;
        let Recorded { entered, attempted, acknowledged, refused, unknown, failed, open, delivered } = totals;
        write!(
            f,
            "{lost} lost, {doubled} doubled, {disordered} disordered, {unanswered} unanswered, {foreign} \
             foreign, {ghosts} ghosts; of {attempted} messages: {acknowledged} acknowledged, {refused} refused, \
             {unknown} unknown, {failed} failed, {open} open; {delivered} deliveries; {entered} entered"
        )?;
        examples.iter().try_for_each(|example| write!(f, "\n  {example}"))
    }
}
