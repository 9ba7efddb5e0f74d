//! Data of which each core has its own copy.

use crate::{IrqGuard, Pinned, Platform};

/// One `T` per core. Which one is "mine" is answered only to a caller that proves it cannot migrate.
///
/// A per-core address that is computed on one core and used on another was what ended the first attempt
/// to make a hypervisor of this kind preemptible; here the reference lives no longer than the guard.
///
/// An IRQ handler on the same core may look at the same `T`. So either `T: Sync`, or it is reached only
/// with IRQs masked ([`this_cpu_masked`](Self::this_cpu_masked)).
pub struct PerCpu<T, const N: usize>([Slot<T>; N]);

/// One core's copy, on cache lines of its own so that cores do not slow each other down.
#[repr(align(64))]
pub struct Slot<T>(T);

impl<T> Slot<T> {
    /// Wraps the initial value.
    pub const fn new(value: T) -> Self {
        Slot(value)
    }
}

// SAFETY: from another core only `get` reaches a slot, and it asks for `T: Sync`. `this_cpu_masked` asks for
// `Send` only: its reference is used on one core, one stretch with IRQs masked after the other, so
// the accesses never overlap; they move between contexts, which is what `Send` permits.
unsafe impl<T: Send, const N: usize> Sync for PerCpu<T, N> {}

impl<T, const N: usize> PerCpu<T, N> {
    /// One slot per core: `PerCpu::new([const { Slot::new(AtomicU64::new(0)) }; N])`.
    pub const fn new(slots: [Slot<T>; N]) -> Self {
        PerCpu(slots)
    }

    /// This core's `T`.
    #[inline(always)]
    pub fn this_cpu<'g, P: Platform>(&'g self, _guard: &'g impl Pinned<P>) -> &'g T
    where
        T: Sync,
    {
        self.mine::<P>()
    }

    /// This core's `T`, which need not be `Sync` (a `Cell`, say), because IRQs are masked.
    ///
    /// The bound is on the whole type: a `T` that is not `Sync` can be reached in no other way.
    #[inline(always)]
    pub fn this_cpu_masked<'g, P: Platform>(&'g self, _guard: &'g IrqGuard<P>) -> &'g T {
        self.mine::<P>()
    }

    /// The `T` of core `cpu`, whichever core asks; `None` when there is no such core.
    #[inline]
    pub fn get(&self, cpu: usize) -> Option<&T>
    where
        T: Sync,
    {
        self.0.get(cpu).map(|slot| &slot.0)
    }

    #[inline(always)]
    fn mine<P: Platform>(&self) -> &T {
        const { assert!(P::CPUS <= N, "PerCpu has fewer slots than there are cores") };
        let cpu = P::cpu();
        // SAFETY: `Platform` guarantees `cpu < P::CPUS`, and `P::CPUS <= N` is checked above.
        unsafe { &self.0.get_unchecked(cpu).0 }
    }
}
