//! The entities that wait for one core, in the order in which they will get it.
//!
//! The order is the scheduler's: it says where one goes. None is in a queue twice, so a capacity of all entities
//! always suffices.

use crate::policy::VcpuId;

/// A queue of at most `N`. The first is the last in memory: who comes most often goes first, and who is taken out is mostly the
/// first, so that hardly anybody has to move.
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

    /// The first.
    #[inline]
    pub(crate) fn first(&self) -> Option<VcpuId> {
        self.items.get(self.len.wrapping_sub(1)).copied()
    }

    /// All, from the first on.
    pub(crate) fn iter(&self) -> impl Iterator<Item = VcpuId> + '_ {
        let items = self.items.get(..self.len).unwrap_or_default();
        items.iter().rev().copied()
    }

    /// Takes `id` out; says whether it was in.
    #[inline]
    pub(crate) fn remove(&mut self, id: VcpuId) -> bool {
        let last = self.len.wrapping_sub(1);
        if self.items.get(last) == Some(&id) {
            self.len = last;
            return true;
        }
        self.remove_later(id)
    }

    /// [`remove`](Self::remove) of one that is not the first.
    #[inline(never)]
    fn remove_later(&mut self, id: VcpuId) -> bool {
        let items = self.items.get_mut(..self.len).unwrap_or_default();
        let mut from_it = items.iter_mut().skip_while(|item| **item != id);
        let Some(mut free) = from_it.next() else {
            return false;
        };
        // One by one: queues are short, and a call to move memory is long.
        for slot in from_it {
            *free = *slot;
            free = slot;
        }
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Puts `id` before the first one that `before` is true of, or at the end.
    #[inline]
    pub(crate) fn insert(&mut self, id: VcpuId, before: impl Fn(VcpuId) -> bool) {
        let mut at = self.len;
        if at >= N {
            return;
        }
        self.len = at.saturating_add(1);
        while let Some(behind) = at.checked_sub(1)
            && let Some(other) = self.items.get(behind).copied()
            && !before(other)
        {
            if let Some(slot) = self.items.get_mut(at) {
                *slot = other;
            }
            at = behind;
        }
        if let Some(slot) = self.items.get_mut(at) {
            *slot = id;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn who_waits_is_in_order_once_and_all_of_them(
            steps in prop::collection::vec((any::<bool>(), 0..8u16, 0..4u16), 0..60),
        ) {
            let mut queue = Queue::<6>::new();
            let mut model: Vec<(VcpuId, u16)> = Vec::new();
            for (put, id, key) in steps {
                let id = VcpuId(id);
                let known = model.iter().position(|(other, _)| *other == id);
                if let Some(at) = known {
                    model.remove(at);
                }
                prop_assert_eq!(queue.remove(id), known.is_some());
                if put && model.len() < 6 {
                    let at = model.iter().position(|(_, other)| *other > key);
                    let at = at.unwrap_or(model.len());
                    let keys = model.clone();
                    let of = |id| keys.iter().find(|(other, _)| *other == id).map(|(_, key)| *key);
                    queue.insert(id, |other| of(other) > Some(key));
                    model.insert(at, (id, key));
                }
                let order: Vec<VcpuId> = model.iter().map(|(id, _)| *id).collect();
                prop_assert_eq!(queue.iter().collect::<Vec<_>>(), order.clone());
                prop_assert_eq!(queue.first(), order.first().copied());
                prop_assert_eq!((queue.len(), queue.is_empty()), (order.len(), order.is_empty()));
            }
        }
    }
}
