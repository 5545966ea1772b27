//! Hundreds of users on one thread that chat, and report every action and delivery to a judge.
//!
//! A user whose connection ends for any reason asks the gate again and reconnects. Orders make
//! users act like difficult real ones: leave and return, stop reading for a while, call a handler
//! that panics.

pub mod user;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use pomelo_sim::judge::{Judge, Verdict};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::LocalSet;

use self::user::{Order, User};

/// The users and their load.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Seed of the users' random choices.
    pub seed: u64,
    pub users: usize,
    /// Users are assigned to the rooms in turn.
    pub rooms: usize,
    /// Most requests that a user has in flight.
    pub window: usize,
    /// Mean delay between an answer and the next message.
    pub pause: Duration,
    /// The gates' addresses.
    pub gates: Vec<SocketAddr>,
}

/// The common activity of all users.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// They chat.
    Chat,
    /// They only receive, and reconnect when their connection ends.
    Listen,
    /// Each sends one more message to its room, once for each number.
    Round(u64),
    /// They leave.
    Leave,
}

/// Counters of the users, readable while they chat.
#[derive(Default, Debug)]
pub struct Status {
    /// Users that are in their rooms.
    pub inside: AtomicUsize,
    /// Requests in flight.
    pub in_flight: AtomicUsize,
    /// Answered messages, with or without an error.
    pub answered: AtomicU64,
    /// The judge's latest time.
    pub moment: AtomicU64,
    /// Violated invariants so far.
    pub broken: AtomicU64,
    /// Failed logins.
    pub logins_failed: AtomicU64,
    /// Connections that the user did not end.
    pub thrown_out: AtomicU64,
}

/// The users. Dropping it ends them.
pub struct Load {
    plan: LoadPlan,
    phase: watch::Sender<Phase>,
    gates: watch::Sender<Vec<SocketAddr>>,
    calls: UnboundedSender<Call>,
    status: Arc<Status>,
    thread: Option<JoinHandle<()>>,
}

enum Call {
    Order(usize, Order),
    Verdict(mpsc::Sender<Verdict>),
    SoFar(mpsc::Sender<Verdict>),
    WhoIsOut(mpsc::Sender<Vec<String>>),
}

/// State shared by the users on their thread.
struct Shared {
    judge: RefCell<Judge>,
    status: Arc<Status>,
    gates: watch::Receiver<Vec<SocketAddr>>,
    phase: watch::Receiver<Phase>,
    /// Each user's last problem, for the message of a timed-out wait.
    troubles: RefCell<Vec<String>>,
}

impl Load {
    pub fn start(plan: LoadPlan) -> Self {
        let (phase, phases) = watch::channel(Phase::Chat);
        let (gates, gate_list) = watch::channel(plan.gates.clone());
        let (calls, to_do) = unbounded_channel();
        let status = Arc::<Status>::default();
        let thread = std::thread::Builder::new().name("users".to_owned()).spawn({
            let (plan, status) = (plan.clone(), Arc::clone(&status));
            move || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                let troubles = RefCell::new(vec![String::new(); plan.users]);
                let judge = RefCell::default();
                let shared = Rc::new(Shared { judge, status, gates: gate_list, phase: phases, troubles });
                LocalSet::new().block_on(&runtime, serve(plan, shared, to_do));
            }
        });
        Self { plan, phase, gates, calls, status, thread: Some(thread.unwrap()) }
    }

    pub fn plan(&self) -> &LoadPlan {
        &self.plan
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    pub fn phase(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// The current addresses of the gates.
    pub fn gates(&self, gates: Vec<SocketAddr>) {
        self.gates.send_replace(gates);
    }

    /// Gives a user an order, carried out once it is in its room.
    pub fn order(&self, user: usize, order: Order) {
        self.call(Call::Order(user, order));
    }

    /// The current verdict; messages in flight count as lost.
    pub fn verdict(&self) -> Verdict {
        let (sender, receiver) = mpsc::channel();
        self.call(Call::Verdict(sender));
        receiver.recv().expect("the users have ended")
    }

    /// Violations that are final, whatever is still in flight.
    pub fn so_far(&self) -> Verdict {
        let (sender, receiver) = mpsc::channel();
        self.call(Call::SoFar(sender));
        receiver.recv().expect("the users have ended")
    }

    /// Users that are not in their rooms, and their last problem.
    pub fn who_is_out(&self) -> Vec<String> {
        let (sender, receiver) = mpsc::channel();
        self.call(Call::WhoIsOut(sender));
        receiver.recv().expect("the users have ended")
    }

    /// Makes all users leave.
    pub fn finish(mut self) {
        self.end();
    }

    fn call(&self, call: Call) {
        assert!(self.calls.send(call).is_ok(), "the users have ended");
    }

    fn end(&mut self) {
        self.phase(Phase::Leave);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "a user panicked");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Reports to the judge, and records violations.
    fn record<T>(&self, tell: impl FnOnce(&mut Judge) -> T) -> T {
        let mut judge = self.judge.borrow_mut();
        let told = tell(&mut judge);
        self.status.moment.store(judge.now(), Ordering::Relaxed);
        self.status.broken.store(judge.so_far().broken(), Ordering::Relaxed);
        told
    }
}

/// Runs the users until all have left.
async fn serve(plan: LoadPlan, shared: Rc<Shared>, mut calls: UnboundedReceiver<Call>) {
    let mut orders = Vec::new();
    let mut users = Vec::new();
    // Register all users before the first can receive a push about another.
    for place in 0..plan.users {
        let (sender, receiver) = unbounded_channel();
        orders.push(sender);
        users.push(User::new(place, &plan, Rc::clone(&shared), receiver));
    }
    let tasks: Vec<_> = users.into_iter().map(|user| tokio::task::spawn_local(user.live())).collect();
    let mut phase = shared.phase.clone();
    let leaves = async move {
        // The owner makes all users leave before it is dropped.
        let _ = phase.wait_for(|phase| *phase == Phase::Leave).await;
    };
    tokio::pin!(leaves);
    loop {
        tokio::select! {
            biased;
            () = &mut leaves => break,
            call = calls.recv() => match call {
                // A user that has panicked accepts no order; awaiting its task reports the panic.
                Some(Call::Order(user, order)) => drop(orders[user % orders.len()].send(order)),
                Some(Call::Verdict(asker)) => drop(asker.send(shared.judge.borrow().verdict())),
                Some(Call::SoFar(asker)) => drop(asker.send(shared.judge.borrow().so_far().clone())),
                Some(Call::WhoIsOut(asker)) => {
                    let troubles = shared.troubles.borrow();
                    let out = troubles.iter().filter(|trouble| !trouble.is_empty()).cloned();
                    drop(asker.send(out.collect()));
                }
                None => break,
            },
        }
    }
    for task in tasks {
        task.await.expect("a user panicked");
    }
}
