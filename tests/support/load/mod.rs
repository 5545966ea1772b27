//! Hundreds of users on one thread, who chat, and tell a judge everything that they do and hear.
//!
//! A user whose connection ends, however, asks the gate again and comes back. Orders make users do what real ones do to a
//! server: go and come, read nothing for a while, ask for what panics.

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

/// Who chats, and how much.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// What the users' chance comes of.
    pub seed: u64,
    pub users: usize,
    /// The users are dealt to the rooms in turn.
    pub rooms: usize,
    /// Requests that a user has under way at most.
    pub window: usize,
    /// Between an answer and the next message, on average.
    pub pause: Duration,
    /// Where the gates are.
    pub gates: Vec<SocketAddr>,
}

/// What all users do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// They chat.
    Chat,
    /// They say nothing, but listen, and come back when they are thrown out.
    Listen,
    /// Each says one thing more to its room: once for each number.
    Round(u64),
    /// They go.
    Leave,
}

/// What can be seen of the users from outside while they chat.
#[derive(Default, Debug)]
pub struct Status {
    /// Users that are in their rooms.
    pub inside: AtomicUsize,
    /// Requests under way.
    pub under_way: AtomicUsize,
    /// Messages that were answered, with or without an error.
    pub answered: AtomicU64,
    /// The judge's last moment.
    pub moment: AtomicU64,
    /// Laws broken so far.
    pub broken: AtomicU64,
    /// Logins that did not succeed.
    pub logins_failed: AtomicU64,
    /// Connections that ended by another's doing.
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

/// What the users share on their thread.
struct Shared {
    judge: RefCell<Judge>,
    status: Arc<Status>,
    gates: watch::Receiver<Vec<SocketAddr>>,
    phase: watch::Receiver<Phase>,
    /// Each user's last trouble, for those who wait for it in vain.
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

    /// Where the gates are now.
    pub fn gates(&self, gates: Vec<SocketAddr>) {
        self.gates.send_replace(gates);
    }

    /// Makes a user do something, as soon as it is in its room.
    pub fn order(&self, user: usize, order: Order) {
        self.call(Call::Order(user, order));
    }

    /// What the judge says now; what is under way counts as lost.
    pub fn verdict(&self) -> Verdict {
        let (sender, receiver) = mpsc::channel();
        self.call(Call::Verdict(sender));
        receiver.recv().expect("the users have ended")
    }

    /// What is broken for good, whatever is under way.
    pub fn so_far(&self) -> Verdict {
        let (sender, receiver) = mpsc::channel();
        self.call(Call::SoFar(sender));
        receiver.recv().expect("the users have ended")
    }

    /// Those who are not in their rooms, and the last thing that kept them out.
    pub fn who_is_out(&self) -> Vec<String> {
        let (sender, receiver) = mpsc::channel();
        self.call(Call::WhoIsOut(sender));
        receiver.recv().expect("the users have ended")
    }

    /// All users go.
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
    /// Tells the judge something, and looks what that broke.
    fn record<T>(&self, tell: impl FnOnce(&mut Judge) -> T) -> T {
        let mut judge = self.judge.borrow_mut();
        let told = tell(&mut judge);
        self.status.moment.store(judge.now(), Ordering::Relaxed);
        self.status.broken.store(judge.so_far().broken(), Ordering::Relaxed);
        told
    }
}

/// Runs the users until all have gone.
async fn serve(plan: LoadPlan, shared: Rc<Shared>, mut calls: UnboundedReceiver<Call>) {
    let mut orders = Vec::new();
    let mut users = Vec::new();
    // All are known before the first can hear of another.
    for place in 0..plan.users {
        let (sender, receiver) = unbounded_channel();
        orders.push(sender);
        users.push(User::new(place, &plan, Rc::clone(&shared), receiver));
    }
    let tasks: Vec<_> = users.into_iter().map(|user| tokio::task::spawn_local(user.live())).collect();
    let mut phase = shared.phase.clone();
    let leaves = async move {
        // The owner leaves before it goes.
        let _ = phase.wait_for(|phase| *phase == Phase::Leave).await;
    };
    tokio::pin!(leaves);
    loop {
        tokio::select! {
            biased;
            () = &mut leaves => break,
            call = calls.recv() => match call {
                // A user that has panicked takes no order; that is told when its task is awaited.
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
