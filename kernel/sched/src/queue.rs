//! The vCPUs that wait for one core, in the order in which they will get it.
//!
//! The urgent ones, which were woken with part of their turn left, come first. No vCPU is in a queue twice, so
//! a capacity of all vCPUs always suffices.

use crate::policy::VcpuId;

/// A queue of at most `N`.
#[derive(Debug)]
pub(crate) struct Queue<const N: usize> {
    items: [VcpuId; N],
    len: usize,
    /// How many at the front are urgent.
    urgent: usize,
}

impl<const N: usize> Queue<N> {
    pub(crate) const fn new() -> Self {
        Queue {
            items: [VcpuId(0); N],
            len: 0,
            urgent: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The urgent ones.
    pub(crate) fn urgent(&self) -> impl Iterator<Item = VcpuId> + '_ {
        self.items.iter().take(self.urgent).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = VcpuId> + '_ {
        self.items.iter().take(self.len).copied()
    }

    /// Behind everybody.
    pub(crate) fn push(&mut self, id: VcpuId) {
        self.insert(self.len, id);
    }

    /// Behind the urgent ones, before the others: for one whose turn was interrupted.
    pub(crate) fn resume(&mut self, id: VcpuId) {
        self.insert(self.urgent, id);
    }

    /// As the last of the urgent ones.
    pub(crate) fn push_urgent(&mut self, id: VcpuId) {
        self.insert(self.urgent, id);
        self.urgent = self.urgent.saturating_add(1);
    }

    /// Takes `id` out; says whether it was in.
    pub(crate) fn remove(&mut self, id: VcpuId) -> bool {
        let Some(at) = self.iter().position(|item| item == id) else {
            return false;
        };
        self.items.copy_within(at.saturating_add(1)..self.len, at);
        self.len = self.len.saturating_sub(1);
        if at < self.urgent {
            self.urgent = self.urgent.saturating_sub(1);
        }
        true
    }

    fn insert(&mut self, at: usize, id: VcpuId) {
        if self.len >= N || at > self.len {
            return;
        }
        self.items.copy_within(at..self.len, at.saturating_add(1));
        if let Some(slot) = self.items.get_mut(at) {
            *slot = id;
        }
        self.len = self.len.saturating_add(1);
    }
}
