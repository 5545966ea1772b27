//! What a judge says in the end: how often each law was broken, and the first few times in words.

use std::fmt;

use serde::Serialize;

/// Examples that are kept of each law.
const EXAMPLES_MAX: u64 = 4;

/// The laws, as they are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Breach {
    Lost,
    Doubled,
    Disordered,
    Unanswered,
    Foreign,
    Ghosts,
}

/// How often each law was broken. All zero is what there should be.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// Acknowledged messages that a member did not get: one a member.
    pub lost: u64,
    /// Messages that somebody got again, and requests that were answered again.
    pub doubled: u64,
    /// Messages that somebody got behind one that came later.
    pub disordered: u64,
    /// Messages that somebody got and nobody sent, or not to them; answers that nobody asked for.
    pub foreign: u64,
    /// Requests without an answer although their sender is still connected.
    pub unanswered: u64,
    /// Members that somebody sees and that are not there, or does not see and that are.
    #[serde(skip)]
    pub ghosts: u64,
    /// The first few times that each law was broken, in words.
    pub examples: Vec<String>,
    /// How much this is a verdict on.
    #[serde(skip)]
    pub totals: Recorded,
}

/// What was recorded. `attempted` is the sum of the other four kinds of requests.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Times that somebody entered a room.
    pub entered: u64,
    /// Messages sent.
    pub attempted: u64,
    /// Messages that were answered without an error.
    pub acknowledged: u64,
    /// Messages that were answered with 503: the server is busy.
    pub refused: u64,
    /// Messages that were answered with another error.
    pub failed: u64,
    /// Messages without an answer, most since their sender's connection was lost.
    pub open: u64,
    /// Texts that somebody received: one a receiver.
    pub delivered: u64,
}

impl Verdict {
    /// Whether every law was kept.
    pub fn is_clean(&self) -> bool {
        self.broken() == 0
    }

    /// How often a law was broken, whichever.
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
        let Recorded { entered, attempted, acknowledged, refused, failed, open, delivered } = totals;
        write!(
            f,
            "{lost} lost, {doubled} doubled, {disordered} disordered, {unanswered} unanswered, {foreign} \
             foreign, {ghosts} ghosts; of {attempted} messages: {acknowledged} acknowledged, {refused} refused, \
             {failed} failed, {open} open; {delivered} deliveries; {entered} entered"
        )?;
        examples.iter().try_for_each(|example| write!(f, "\n  {example}"))
    }
}
