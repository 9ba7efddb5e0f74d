//! The entities that wait for one core, in the order in which they will get it.
//!
//! The order is the scheduler's: it says where one goes. None is in a queue twice, so a capacity of all entities
//! always suffices.

use crate::policy::VcpuId;

/// A queue of at most `N`.
#[derive(Debug)]
pub struct Queue<const N: usize> {
    items: [VcpuId; N],
    len: usize,
}

impl<const N: usize> Queue<N> {
    pub(crate) const fn new() -> Self {
        Queue {
            items: [VcpuId(0); N],
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = VcpuId> + '_ {
        self.items.iter().take(self.len).copied()
    }

    /// Takes `id` out; says whether it was in.
    pub(crate) fn remove(&mut self, id: VcpuId) -> bool {
        let Some(at) = self.iter().position(|item| item == id) else {
            return false;
        };
        let mut behind = self.part(at).iter_mut();
        let mut free = behind.next();
        for slot in behind {
            if let Some(free) = free {
                *free = *slot;
            }
            free = Some(slot);
        }
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Puts `id` before the one that is at `at`, or at the end.
    pub(crate) fn insert(&mut self, at: usize, id: VcpuId) {
        if self.len >= N || at > self.len {
            return;
        }
        self.len = self.len.saturating_add(1);
        let mut next = id;
        for slot in self.part(at) {
            core::mem::swap(slot, &mut next);
        }
    }

    /// From that one on. Those who move it do so one by one: queues are short, and a call to move memory is long.
    fn part(&mut self, at: usize) -> &mut [VcpuId] {
        self.items.get_mut(at..self.len).unwrap_or_default()
    }
}
