//! Steps of a plan: servers join, leave, crash and change their speed.

use super::Run;
use super::client::Loss;
use super::plan::Action;
use crate::stats::Mark;
use crate::time::Time;

impl Run<'_> {
    /// Carries out a step of the plan.
    pub(super) fn step(&mut self, now: Time, index: usize) {
        let step = &self.plan.steps[index];
        self.tally.marks.push(Mark { at_s: now.as_nanos() as f64 / 1e9, what: step.what.clone() });
        match step.act {
            Action::Join(server) => self.join(server),
            Action::Leave(server) => self.leave(server),
            Action::Crash(server) => {
                self.leave(server);
                for lost in self.farm.servers[server as usize].crash(now) {
                    self.tally.left(now, lost.came);
                    if self.jobs.waits(lost.job, lost.turn) {
                        self.fail(now, lost.job, Loss::ServerGone);
                    }
                }
            }
            Action::Speed(server, times) => {
                for service in self.farm.servers[server as usize].set_speed(now, times) {
                    self.plan_finish(server, service);
                }
            }
            Action::Crowd => {}
        }
    }

    fn join(&mut self, server: u32) {
        let list = self.farm.list();
        if !list.contains(&server) {
            self.change_list(list.iter().copied().chain([server]).collect());
        }
    }

    fn leave(&mut self, server: u32) {
        let list = self.farm.list();
        if list.contains(&server) {
            self.change_list(list.iter().copied().filter(|listed| *listed != server).collect());
        }
    }

    /// Replaces the strategy's list of servers, and counts the keys that move.
    pub(super) fn change_list(&mut self, list: Vec<u32>) {
        let measured = self.queue.now() >= self.plan.measured;
        let counts = self.counts_moves && measured && !self.farm.list().is_empty();
        let before = if counts { self.keys.placed(&*self.strategy, self.farm.list()) } else { None };
        let old = self.farm.put_on_list(list);
        let list = self.farm.list();
        list.iter().for_each(|server| self.tally.joined(*server));
        self.strategy.rebuild(&self.farm.candidates());
        if let Some(before) = before {
            self.keys.count_moves(&before, &old, &*self.strategy, list);
        }
    }
}
