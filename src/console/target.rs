//! The cluster that the console looks at, until it lets go of it.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::failure::Failure;
use crate::admin::{Order, Orders, Refusal, Request, carry_out};
use crate::live::RunningCluster;

/// A running cluster, and who carries out orders to it.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) cluster: Arc<RunningCluster>,
    pub(super) orders: Arc<dyn Orders>,
}

/// It is let go before the cluster is stopped: whoever stops it must be its only owner.
pub(super) struct Target(Mutex<Option<Live>>);

impl Target {
    pub(super) fn new(cluster: Arc<RunningCluster>, orders: Arc<dyn Orders>) -> Self {
        Self(Mutex::new(Some(Live { cluster, orders })))
    }

    /// The cluster, for as long as what this returns lives.
    pub(super) fn live(&self) -> Result<Live, Failure> {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.clone().ok_or_else(Failure::ended)
    }

    pub(super) fn let_go(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Live {
    /// Carries an order out, and waits for what comes of it. Whether the whole cluster is to end then.
    pub(super) fn carry_out(
        &self,
        command: &str,
        args: Map<String, Value>,
    ) -> Result<(Value, bool), Refusal> {
        let order = Request::new(command, args).order()?;
        let ends = order == Order::StopAll;
        Ok((carry_out(order, &*self.orders)?, ends))
    }

    /// What an order that only looks answers; none when it has no answer.
    pub(super) fn look(&self, command: &str, since: u64) -> Option<Value> {
        let args = Map::from_iter([("since".to_owned(), json!(since))]);
        self.carry_out(command, args).ok().map(|(answer, _)| answer)
    }
}
