//! After the faults: every user enters again, receives everything, and nothing leaks.

use std::sync::atomic::Ordering;
use std::time::Instant;

use pomelo_sim::judge::Verdict;
use pomelo_sim::live::{RunningCluster, ServerState};

use crate::executor::{Storm, gates, wait};
use crate::support::PATIENCE;
use crate::support::load::Phase;
use crate::support::watch::Held;

/// Heals, waits for all users, lets each say something, and has the laws judged. Ends the cluster.
pub fn converge(mut storm: Storm) -> Result<Verdict, String> {
    repair(&mut storm)?;
    storm.load.gates(gates(&storm.cluster));
    storm.load.phase(Phase::Listen);
    everybody_is_in(&storm)?;
    let verdict = last_rounds(&storm)?;
    audit(&storm.cluster)?;
    holds_what_it_must(&storm)?;
    let Storm { cluster, load, journal, .. } = storm;
    let status = load.status();
    let [thrown_out, failed] =
        [&status.thrown_out, &status.logins_failed].map(|count| count.load(Ordering::Relaxed));
    journal.note(format!("users were thrown out {thrown_out} times, {failed} logins failed; all go now"));
    load.finish();
    Held::wait_nothing(&cluster);
    journal.note("the cluster stops".to_owned());
    cluster.stop();
    Ok(verdict)
}

/// Everything that was cut, paused or stopped works again.
fn repair(storm: &mut Storm) -> Result<(), String> {
    let Storm { cluster, journal, .. } = storm;
    cluster.heal(None).map_err(|error| error.to_string())?;
    let servers = cluster.list().map_err(|error| error.to_string())?;
    for server in servers {
        let id = server.id.as_str();
        let done = match server.state {
            ServerState::Paused => cluster.resume(id),
            ServerState::Stopped | ServerState::Killed => cluster.restart(id),
            _ => Ok(()),
        };
        done.map_err(|error| format!("repair {id}: {error}"))?;
    }
    let states = || -> Vec<_> {
        let servers = cluster.list().unwrap_or_default();
        servers.into_iter().map(|server| (server.id, server.state)).collect()
    };
    if !wait(PATIENCE, || states().iter().all(|(_, state)| *state == ServerState::Running)) {
        return Err(format!("servers do not come up again: {:?}", states()));
    }
    journal.note("all servers are up, and all links are whole".to_owned());
    Ok(())
}

fn everybody_is_in(storm: &Storm) -> Result<(), String> {
    let (status, users) = (storm.load.status(), storm.load.plan().users);
    let all =
        || status.inside.load(Ordering::Relaxed) == users && status.in_flight.load(Ordering::Relaxed) == 0;
    if !wait(PATIENCE, all) {
        let (out, open) = (storm.load.who_is_out(), status.in_flight.load(Ordering::Relaxed));
        let some = &out[..out.len().min(8)];
        return Err(format!("{} users do not come in, {open} requests are open: {some:#?}", out.len()));
    }
    storm.journal.note(format!("all {users} users are in"));
    Ok(())
}

/// Two rounds in which all hear all: the second says that nothing more came behind the first.
fn last_rounds(storm: &Storm) -> Result<Verdict, String> {
    let mut complete = 0;
    let (begun, mut number) = (Instant::now(), 0);
    loop {
        number += 1;
        match last_round(storm, number)? {
            Round::Complete(verdict) if complete == 1 => return Ok(verdict),
            Round::Complete(_) => complete += 1,
            // A server that is stuck never answers in time.
            Round::Late(why) if begun.elapsed() > PATIENCE => return Err(why),
            Round::Late(_) => {}
        }
    }
}

/// How a round went in which no law was broken.
enum Round {
    /// All have said something, and all have heard it.
    Complete(Verdict),
    /// Some had no answer in time: the machine may have been busy with something else.
    Late(String),
}

/// Each user says something to its room.
fn last_round(storm: &Storm, number: u64) -> Result<Round, String> {
    let (load, users) = (&storm.load, storm.load.plan().users as u64);
    let thrown_out = || load.status().thrown_out.load(Ordering::Relaxed);
    let (before, thrown_out_before) = (load.verdict().totals, thrown_out());
    load.phase(Phase::Round(number));
    let mut verdict = Verdict::default();
    let all_said = wait(PATIENCE, || {
        verdict = load.verdict();
        verdict.totals.attempted == before.attempted + users && verdict.totals.open <= before.open
    });
    // Missing messages may be in flight.
    let clean = all_said
        && wait(PATIENCE, || {
            verdict = load.verdict();
            verdict.is_clean()
        });
    let acknowledged = verdict.totals.acknowledged - before.acknowledged;
    let out = load.who_is_out();
    let how =
        format!("round {number}: {acknowledged} of {users} messages acknowledged; {verdict}\nout: {out:?}");
    if !clean || thrown_out() != thrown_out_before {
        return Err(how);
    }
    if acknowledged != users {
        storm.journal.note(how.clone());
        return Ok(Round::Late(how));
    }
    storm.journal.note(format!("round {number}: all heard all"));
    Ok(Round::Complete(verdict))
}

/// What the cluster says of itself: nothing is out of step.
fn audit(cluster: &RunningCluster) -> Result<(), String> {
    let violations = cluster.audit_for(PATIENCE).map_err(|error| error.to_string())?;
    if violations.is_empty() { Ok(()) } else { Err(format!("the audit finds {violations:#?}")) }
}

/// As many sessions, uids and members as there are users; no room that is empty.
fn holds_what_it_must(storm: &Storm) -> Result<(), String> {
    let plan = storm.load.plan();
    let (users, rooms) = (plan.users, plan.rooms.min(plan.users));
    let mut held = Held::by(&storm.cluster.view().unwrap());
    let right = wait(PATIENCE, || {
        held = Held::by(&storm.cluster.view().unwrap());
        let Held { connections, sessions, bound, uids, channels, members, calls } = &held;
        let each = [connections.values().sum(), *sessions, *bound, *uids, *members];
        each == [users; 5] && (*channels, *calls) == (rooms, 0)
    });
    right.then_some(()).ok_or_else(|| format!("expected {users} users in {rooms} rooms, got {held:?}"))
}
