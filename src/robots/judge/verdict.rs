//! What a judge says in the end: how often each law was broken, and the first few times in words.

use serde::Serialize;

use super::{AWAY, Answer, Judge, Missing, Sent, UNSEEN, told};

/// Examples that are kept of each law.
const EXAMPLES_MAX: u64 = 3;

/// How often each law was broken. All zero is what there should be.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Integrity {
    /// Acknowledged messages that a member did not get: one a member.
    pub lost: u64,
    /// Messages that somebody got again.
    pub doubled: u64,
    /// Messages that somebody got in another order than others, or than they were sent.
    pub disordered: u64,
    /// Messages that somebody got and nobody sent, or in another room.
    pub foreign: u64,
    /// Messages without an answer although their sender is still there.
    pub unanswered: u64,
    /// The first few times that each law was broken, in words. Members are named by their index.
    pub examples: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Law {
    Lost,
    Doubled,
    Disordered,
    Foreign,
    Unanswered,
}

impl Integrity {
    /// Whether every law was kept.
    pub fn is_clean(&self) -> bool {
        let Self { lost, doubled, disordered, foreign, unanswered, examples: _ } = self;
        lost + doubled + disordered + foreign + unanswered == 0
    }

    pub(super) fn add(&mut self, law: Law, example: impl FnOnce() -> String) {
        let (count, name) = match law {
            Law::Lost => (&mut self.lost, "lost"),
            Law::Doubled => (&mut self.doubled, "doubled"),
            Law::Disordered => (&mut self.disordered, "disordered"),
            Law::Foreign => (&mut self.foreign, "foreign"),
            Law::Unanswered => (&mut self.unanswered, "unanswered"),
        };
        *count += 1;
        if *count <= EXAMPLES_MAX {
            self.examples.push(format!("{name}: {}", example()));
        }
    }
}

impl Judge {
    /// What is broken if nothing more comes. It may be asked before, too: what is missing may still come.
    pub fn verdict(&self) -> Integrity {
        if self.members.iter().all(|member| member.aside.is_empty()) {
            return self.judge();
        }
        // What is aside finds no better place, if nothing more comes.
        let mut settled = self.clone();
        (0..self.members.len()).for_each(|member| settled.settle(member, true));
        settled.judge()
    }

    fn judge(&self) -> Integrity {
        let mut verdict = self.so_far.clone();
        for ((receiver, sender, number), missing) in &self.missing {
            match missing {
                Missing::Due => self.judge_loss(*receiver, *sender, *number, &mut verdict),
                Missing::Free => {}
                Missing::Come if self.answer(*sender, *number) == Some(Answer::Failed) => {}
                Missing::Come => verdict.add(Law::Disordered, || {
                    let what = "came behind one that others got after it";
                    told(*receiver as usize, *sender as usize, *number, what)
                }),
            }
        }
        for room in &self.rooms {
            for receiver in &room.members {
                let member = &self.members[*receiver as usize];
                if member.position == AWAY {
                    continue;
                }
                for (sender, number) in room.log.range((member.position - room.base) as usize..) {
                    let is_due = |sent: &Sent| sent.stamp > member.since;
                    if self.authors[*sender as usize].get(*number).is_some_and(is_due) {
                        self.judge_loss(*receiver, *sender, *number, &mut verdict);
                    }
                }
            }
        }
        self.judge_authors(&mut verdict);
        verdict
    }

    /// A message did not come to one whom it must have come to, if it was acknowledged.
    fn judge_loss(&self, receiver: u32, sender: u32, number: u32, verdict: &mut Integrity) {
        if self.answer(sender, number) == Some(Answer::Acknowledged) {
            let example = || told(receiver as usize, sender as usize, number, "did not come");
            verdict.add(Law::Lost, example);
        }
    }

    fn answer(&self, sender: u32, number: u32) -> Option<Answer> {
        self.authors[sender as usize].get(number).map(|sent| sent.answer)
    }

    /// What nobody has answered, and what nobody has seen.
    fn judge_authors(&self, verdict: &mut Integrity) {
        for (sender, author) in self.authors.iter().enumerate() {
            let member = &self.members[sender];
            for (number, sent) in author.all() {
                let stays = member.position != AWAY && sent.stamp > member.since;
                if sent.answer == Answer::None && stays {
                    verdict.add(Law::Unanswered, || format!("message {number} of member {sender}"));
                }
                if sent.answer != Answer::Acknowledged || sent.place != UNSEEN {
                    continue;
                }
                for receiver in &self.rooms[member.room as usize].members {
                    let member = &self.members[*receiver as usize];
                    if member.position != AWAY && sent.stamp > member.since {
                        verdict.add(Law::Lost, || told(*receiver as usize, sender, number, "did not come"));
                    }
                }
            }
        }
    }
}
