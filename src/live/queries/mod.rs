//! Queries of a running cluster: everything that reads it without changing a server.
//!
//! Each query is a task on the cluster's thread. Queries run concurrently with changes and never
//! block on them: a stop may wait for seconds on a cut link, and a query made meanwhile is answered
//! at once.
//!
//! All queries read the servers from one roster. Changes write it before they wait for anything, so
//! every query sees the present state. Figures come from the owners of the state: each server's
//! actor runs a query between two deliveries, all servers at the same time, and the router runs one
//! between two envelopes. Nothing is locked while they count.
//!
//! [`Observer`] is the handle that a query gets. [`view`] reports the servers, [`people`] and
//! [`rooms`] report users and rooms, [`explain`] reports where a login goes, [`traces`] follows
//! single messages.

mod explain;
pub(super) mod observer;
mod people;
mod rooms;
mod traces;
mod view;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

pub use self::explain::{LiveExplanation, RoomPlace, SessionPlace};
use self::observer::{Observer, Question};
pub use self::people::{MemberLine, RoomDetail, RoomLine, RoomOfUser, Rooms, UserLine, Users};
pub use self::rooms::{RoomQuery, RoomSort};
pub use self::view::{ClusterView, ServerView};
use super::control::ControlError;
use super::running::RunningCluster;
use crate::audit::Violation;
use crate::router::{LinkRule, Routed, Router};
use crate::time::Time;

/// The pause between two audits of `audit_for`.
const AUDIT_AGAIN: Duration = Duration::from_millis(20);

impl RunningCluster {
    /// The whole cluster at this moment.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn view(&self) -> Result<ClusterView, ControlError> {
        let (env, source) = (self.spec().env.clone(), self.spec().source.display().to_string());
        self.look(async move |observer| observer.view(env, source).await)?
    }

    /// The state of every server, in the order in which they were configured and added.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn list(&self) -> Result<Vec<ServerView>, ControlError> {
        self.look(async |observer| observer.servers().await.0)
    }

    /// The invariants that are violated, of those that hold whenever no message is in flight: see
    /// [`audit`](crate::audit). A violation found while clients are busy may be gone in the next
    /// audit.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn audit(&self) -> Result<Vec<Violation>, ControlError> {
        self.look(async |observer| observer.audit().await)
    }

    /// Audits again and again, until all invariants hold or `timeout` is over. Leaves out
    /// violations that were gone in a later audit.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn audit_for(&self, timeout: Duration) -> Result<Vec<Violation>, ControlError> {
        let give_up = Instant::now() + timeout;
        let mut found = self.audit()?;
        while !found.is_empty() && Instant::now() < give_up {
            std::thread::sleep(AUDIT_AGAIN);
            let again = self.audit()?;
            // Violations that are gone were messages in flight: only those that last are reported.
            found.retain(|violation| again.contains(violation));
            if found.is_empty() {
                found = again;
            }
        }
        Ok(found)
    }

    /// The link rules, in the order in which they are consulted.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn link_rules(&self) -> Result<Vec<LinkRule>, ControlError> {
        self.with_router(|router, _, _| router.rules())
    }

    /// Runs `order` on the router between two envelopes, and waits for the result.
    pub(super) fn with_router<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Router, Time, &mut Vec<Routed>) -> R + Send + 'static,
    ) -> Result<R, ControlError> {
        self.look(async move |observer| observer.with_router(order).await)?.map_err(|_| ControlError::Ended)
    }

    /// Runs a query and waits for its answer, but not for changes in flight.
    fn look<T, F>(&self, question: impl FnOnce(Observer) -> F + Send + 'static) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        // The channel carries no answer, so that it is compiled once, and not for each type of
        // answer.
        let (done, is_done) = mpsc::channel::<()>();
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        let question: Question = Box::new(move |observer| {
            Box::pin(async move {
                let found = question(observer).await;
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                drop(done);
            })
        });
        self.questions.send(question).map_err(|_| ControlError::Ended)?;
        // Nothing is ever sent: this returns when the other end is dropped, with or without an
        // answer.
        let _ = is_done.recv();
        let found = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.ok_or(ControlError::Ended)
    }
}
