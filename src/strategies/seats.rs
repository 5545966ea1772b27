//! The bucket of each server while the list changes, for strategies whose buckets outlive the
//! list's order.

use super::Candidate;
use crate::ids::ServerId;

/// Servers in numbered buckets, some of them empty.
#[derive(Clone, Default, Debug)]
pub(super) struct Seats {
    ids: Vec<Option<ServerId>>,
    /// For each bucket, its server's place on the list.
    indices: Vec<u32>,
}

/// The difference between a list and the one before.
pub(super) struct Difference {
    /// Buckets whose server has left, in the order of buckets.
    pub(super) gone: Vec<u32>,
    /// Servers that have joined, in list order.
    pub(super) new: Vec<ServerId>,
}

impl Seats {
    pub(super) fn difference(&self, servers: &[Candidate]) -> Difference {
        let seated = |id: &ServerId| self.ids.iter().flatten().any(|seated| seated == id);
        let listed = |id: &ServerId| servers.iter().any(|server| server.id == *id);
        let gone = self.ids.iter().enumerate();
        let gone = gone.filter(|(_, id)| id.as_ref().is_some_and(|id| !listed(id)));
        Difference {
            gone: gone.map(|(bucket, _)| bucket as u32).collect(),
            new: servers.iter().map(|server| &server.id).filter(|id| !seated(id)).cloned().collect(),
        }
    }

    pub(super) fn leave(&mut self, bucket: u32) {
        self.ids[bucket as usize] = None;
    }

    pub(super) fn sit(&mut self, bucket: u32, id: ServerId) {
        let bucket = bucket as usize;
        if self.ids.len() <= bucket {
            self.ids.resize(bucket + 1, None);
        }
        self.ids[bucket] = Some(id);
    }

    /// Updates each server's place on the list.
    pub(super) fn place(&mut self, servers: &[Candidate]) {
        self.indices = vec![u32::MAX; self.ids.len()];
        for (index, server) in servers.iter().enumerate() {
            let bucket = self.ids.iter().position(|id| id.as_ref() == Some(&server.id));
            if let Some(bucket) = bucket {
                self.indices[bucket] = index as u32;
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.ids) + size_of_val(&*self.indices)
    }

    /// The place on the list of a bucket's server.
    #[inline]
    pub(super) fn index(&self, bucket: u32) -> usize {
        self.indices[bucket as usize] as usize
    }
}
