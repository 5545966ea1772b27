//! The states of `src/supervisor/phase.rs`, one transition after the other, without a shell.

use std::time::Duration;

use pomelo_sim::config::ServerSpec;
use pomelo_sim::supervisor::{Decision, Fact, Refused, ServerState, Supervisor, Timeouts, Verb};
use pomelo_sim::time::Time;

const STOP: Duration = Duration::from_secs(1);
const HAND_OVER: Duration = Duration::from_secs(4);

fn spec(frontend: bool, auto_restart: bool) -> ServerSpec {
    let mut extra = serde_json::Map::new();
    extra.insert("auto-restart".to_owned(), auto_restart.into());
    ServerSpec {
        id: "a".into(),
        server_type: "chat".into(),
        host: String::new(),
        port: None,
        frontend,
        client_port: None,
        client_host: None,
        max_connections: None,
        weight: 1.0,
        extra,
    }
}

/// A supervisor and one server.
struct Play {
    supervisor: Supervisor,
    spec: ServerSpec,
    now: Time,
}

impl Play {
    /// It is up.
    fn up(frontend: bool, auto_restart: bool) -> Self {
        let spec = spec(frontend, auto_restart);
        let mut supervisor = Supervisor::new(Timeouts::new(STOP, Duration::from_secs(3)));
        supervisor.adopt(Time::START, &spec);
        Self { supervisor, spec, now: Time::START }
    }

    /// It was never there.
    fn empty(frontend: bool) -> Self {
        let spec = spec(frontend, false);
        let supervisor = Supervisor::new(Timeouts::new(STOP, Duration::from_secs(3)));
        Self { supervisor, spec, now: Time::START }
    }

    fn add(&mut self) -> String {
        let mut out = Vec::new();
        self.supervisor.add(self.now, &self.spec, &mut out).map_or_else(refused, |()| told(&out))
    }

    fn order(&mut self, verb: Verb) -> String {
        let mut out = Vec::new();
        let done = self.supervisor.order(self.now, verb, &self.spec.id, &mut out);
        done.map_or_else(refused, |()| told(&out))
    }

    fn learn(&mut self, fact: Fact) -> String {
        let mut out = Vec::new();
        self.supervisor.learn(self.now, &self.spec.id, fact, &mut out);
        told(&out)
    }

    /// The decisions at the next deadline, which is this many milliseconds away.
    fn deadline(&mut self, away: u64) -> String {
        let deadline = self.supervisor.next_deadline();
        assert_eq!(deadline.map(|at| at.since(self.now)), Some(Duration::from_millis(away)));
        self.now = deadline.unwrap_or_default();
        let mut out = Vec::new();
        self.supervisor.tick(self.now, &mut out);
        told(&out)
    }

    fn state(&self) -> Option<ServerState> {
        self.supervisor.state(&self.spec.id)
    }
}

fn told(out: &[Decision]) -> String {
    out.iter().map(|decision| format!("{:?}", decision.act)).collect::<Vec<_>>().join(" ")
}

fn refused(refused: Refused) -> String {
    refused.wanted.to_owned()
}

const START: &str = "Make Admit Deliver(Started) Deliver(AllStarted) Await(Told)";
const END: &str = "Forget End Await(Ended)";

#[test]
fn a_frontend_is_chosen_when_it_has_started_and_its_port_is_open() {
    let mut play = Play::empty(true);
    assert_eq!(play.add(), "Bind");
    assert_eq!(play.state(), Some(ServerState::Stopped));
    assert_eq!(play.add(), "it is there already");
    assert_eq!(play.learn(Fact::Bound), START);
    assert_eq!(play.learn(Fact::Open), "", "it has not started");
    assert_eq!(play.learn(Fact::Told), "Open");
    assert!(!play.supervisor.is_settled(&play.spec.id));
    assert_eq!(play.learn(Fact::Open), "Join Note(Added)");
    assert!(play.supervisor.is_settled(&play.spec.id));
    assert_eq!((play.state(), play.supervisor.next_deadline()), (Some(ServerState::Running), None));
}

#[test]
fn a_frontend_answers_says_goodbye_waits_for_its_clients_and_hands_over() {
    let mut play = Play::up(true, false);
    assert_eq!(play.order(Verb::Stop), "Retire StopAccepting Await(Idle)");
    assert_eq!(play.state(), Some(ServerState::Stopping));
    assert_eq!(play.order(Verb::Restart), "it is coming up or going down");
    assert_eq!(play.learn(Fact::Unconnected), "", "it still answers");
    assert_eq!(play.learn(Fact::Idle), "Deliver(GivingUp) Deliver(Stopping) Await(Told)");
    assert_eq!(play.learn(Fact::Told), "Shut(\"server stopped\") Await(Unconnected)");
    assert_eq!(play.learn(Fact::Unconnected), "Await(EmptyHanded)");
    assert_eq!(play.learn(Fact::EmptyHanded), END);
    assert_eq!(play.learn(Fact::Ended), "Note(Stopped)");
    assert_eq!((play.state(), play.supervisor.next_deadline()), (Some(ServerState::Stopped), None));
}

#[test]
fn a_backend_says_goodbye_while_it_has_its_rooms() {
    let mut play = Play::up(false, false);
    assert_eq!(play.order(Verb::Remove), "Deliver(Stopping) Await(Told)");
    assert_eq!(play.learn(Fact::Told), "Retire Await(Idle)");
    assert_eq!(play.learn(Fact::Idle), "Await(EmptyHanded)");
    assert_eq!(play.learn(Fact::EmptyHanded), END);
    assert_eq!(play.learn(Fact::Ended), "Note(Removed) RemoveFromOrder");
    assert_eq!((play.state(), play.order(Verb::Restart)), (None, "it is unknown".to_owned()));
}

#[test]
fn each_state_of_a_stop_is_given_up_at_its_deadline() {
    let mut play = Play::up(true, false);
    play.order(Verb::Stop);
    assert_eq!(play.deadline(1000), "Deliver(GivingUp) Deliver(Stopping) Await(Told)");
    assert_eq!(play.deadline(1000), "Shut(\"server stopped\") Await(Unconnected)");
    assert_eq!(play.deadline(1000), "Await(EmptyHanded)");
    assert_eq!(play.deadline(HAND_OVER.as_millis() as u64), END);
    assert_eq!(play.supervisor.next_deadline(), None);
}

#[test]
fn a_restart_stops_and_starts_and_tries_for_the_port_for_a_second() {
    let mut play = Play::up(true, false);
    assert_eq!(play.order(Verb::Restart), "Retire StopAccepting Await(Idle)");
    for fact in [Fact::Idle, Fact::Told, Fact::Unconnected, Fact::EmptyHanded] {
        play.learn(fact);
    }
    assert_eq!(play.learn(Fact::Ended), "Bind");
    for _ in 0..200 {
        assert_eq!(play.learn(Fact::PortTaken), "");
        assert_eq!(play.deadline(5), "Bind");
    }
    assert_eq!(play.learn(Fact::PortTaken), "", "it was there before, and stays");
    assert_eq!(play.state(), Some(ServerState::Stopped));
    assert_eq!(play.order(Verb::Restart), "Bind");
    play.learn(Fact::Bound);
    play.learn(Fact::Told);
    assert_eq!(play.learn(Fact::Open), "Join Note(Restarted)");
}

#[test]
fn a_start_that_fails_leaves_nothing_of_a_new_server() {
    let mut play = Play::empty(true);
    play.add();
    assert_eq!(play.learn(Fact::PortTaken), "RemoveFromOrder", "another program has the port");
    assert_eq!(play.state(), None);
    for facts in [&[Fact::Bound][..], &[Fact::Bound, Fact::Told]] {
        play.add();
        facts.iter().for_each(|fact| drop(play.learn(*fact)));
        assert_eq!(play.learn(Fact::Failed), END);
        assert_eq!((play.learn(Fact::Ended), play.state()), ("RemoveFromOrder".to_owned(), None));
    }
}

#[test]
fn one_that_hangs_goes_on_before_it_stops() {
    let mut play = Play::up(false, false);
    assert_eq!(play.order(Verb::Resume), "only a paused server can be resumed");
    assert_eq!(play.order(Verb::Pause), "Pause Note(Paused)");
    assert_eq!((play.state(), play.order(Verb::Pause)), (Some(ServerState::Paused), PAUSED.to_owned()));
    assert_eq!(play.order(Verb::Resume), "Resume Note(Resumed)");
    play.order(Verb::Pause);
    assert_eq!(play.order(Verb::Stop), "Resume Deliver(Stopping) Await(Told)");
}

const PAUSED: &str = "only a running server can be paused";

#[test]
fn a_kill_ends_it_from_every_state_with_a_server() {
    let begun = |facts: &[Fact]| {
        let mut play = Play::up(true, false);
        if !facts.is_empty() {
            play.order(Verb::Remove);
            facts[1..].iter().for_each(|fact| drop(play.learn(*fact)));
        }
        play
    };
    let facts = [Fact::Open, Fact::Idle, Fact::Told, Fact::Unconnected];
    for count in 0..=facts.len() {
        let mut play = begun(&facts[..count]);
        assert_eq!(play.order(Verb::Kill), END);
        assert_eq!(play.learn(Fact::EmptyHanded), "", "nobody waits for that any more");
        assert_eq!(play.order(Verb::Kill), "it is not up");
        assert_eq!(play.learn(Fact::Ended), "Note(Killed)");
        assert_eq!(play.state(), Some(ServerState::Killed));
    }
}

#[test]
fn one_with_auto_restart_comes_back_later_after_each_kill() {
    let mut play = Play::up(false, true);
    let come_back = |play: &mut Play, wait: u64| {
        assert_eq!(play.order(Verb::Kill), END);
        assert_eq!(play.learn(Fact::Ended), "Note(Killed)");
        assert_eq!(play.deadline(wait), START);
        assert_eq!(play.learn(Fact::Told), "Join Note(CameBack)");
    };
    for wait in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
        come_back(&mut play, wait);
    }
    play.now = play.now + Duration::from_secs(11);
    come_back(&mut play, 100);
    play.order(Verb::Kill);
    play.learn(Fact::Ended);
    assert_eq!(play.order(Verb::Restart), START, "nobody needs to wait");
    assert_eq!(play.learn(Fact::Told), "Join Note(Restarted)");
    assert_eq!(play.supervisor.next_deadline(), None, "and it comes back once");
    play.order(Verb::Stop);
    for fact in [Fact::Told, Fact::Idle, Fact::EmptyHanded, Fact::Ended] {
        play.learn(fact);
    }
    assert_eq!(play.supervisor.next_deadline(), None, "one that was stopped stays down");
}
