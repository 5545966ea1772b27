//! The cluster of the console, until the console releases it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::orders::{Orders, Refusal};

/// It is released before the cluster is stopped by its only owner.
pub(super) struct Target(Mutex<Option<Arc<Orders>>>);

impl Target {
    pub(super) fn new(orders: Orders) -> Self {
        Self(Mutex::new(Some(Arc::new(orders))))
    }

    /// The cluster, as long as the returned value lives.
    pub(super) fn live(&self) -> Result<Arc<Orders>, Refusal> {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.clone().ok_or_else(Refusal::ended)
    }

    pub(super) fn let_go(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
