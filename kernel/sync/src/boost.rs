//! How a sleeping lock tells the scheduler who keeps whom waiting.

/// Priority inheritance, implemented by whoever schedules; [`NoBoost`] where nobody does.
///
/// Entities are numbered as the scheduler numbers them. `inherit` and `restore` are called with IRQs masked and the
/// lock's waiters locked, so that they cannot overtake each other: they take the scheduler's lock, no other,
/// and do a bounded little.
pub trait Boost: 'static {
    /// Who is running: asked at every poll of a waiting future, since a suspended operation may be
    /// continued by another vCPU.
    fn current() -> u32;

    /// `holder` keeps `waiter` waiting: until `restore`, it is scheduled at least as urgently as `waiter` would be.
    /// May be repeated, and be called with what `holder` has inherited already.
    fn inherit(holder: u32, waiter: u32);

    /// `holder` keeps nobody waiting here any more: ends all that it has inherited. Where it holds another lock, those who
    /// wait for that one lend their urgency again when they poll next.
    fn restore(holder: u32);
}

/// Nobody inherits anything.
#[derive(Clone, Copy, Debug)]
pub struct NoBoost;

impl Boost for NoBoost {
    #[inline(always)]
    fn current() -> u32 {
        0
    }
    #[inline(always)]
    fn inherit(_holder: u32, _waiter: u32) {}
    #[inline(always)]
    fn restore(_holder: u32) {}
}
