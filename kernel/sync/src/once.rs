//! A value that is made at run time, once, and then shared for ever.

use preempt::{IrqGuard, Platform};

/// A `T` that is initialised once. Reading it is one load and one compare.
///
/// A core that finds another core initialising waits for it, spinning with IRQs masked; so the initialiser
/// must be short. An initialiser that uses its own `Once` never returns.
pub struct Once<T, P: Platform>(spin::once::Once<T, Relax<P>>);

/// `spin`'s way of asking what to do while spinning.
struct Relax<P>(core::marker::PhantomData<fn() -> P>);

impl<P: Platform> spin::RelaxStrategy for Relax<P> {
    #[inline(always)]
    fn relax() {
        P::relax();
    }
}

impl<T, P: Platform> Once<T, P> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Once(spin::once::Once::new())
    }

    /// The value; `make` is called if there was none.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.0.get() {
            Some(value) => value,
            // Masked, because an interrupt handler that came upon a half-made value would wait for ever.
            None => IrqGuard::<P>::with(|_| self.0.call_once(make)),
        }
    }

    /// Stores `value`; gives it back if there was one already.
    ///
    /// # Errors
    ///
    /// The value handed in, when it came too late.
    pub fn set(&self, value: T) -> Result<&T, T> {
        let mut value = Some(value);
        let stored = IrqGuard::<P>::with(|_| self.0.try_call_once(|| value.take().ok_or(())));
        match (stored, value) {
            (Ok(stored), None) => Ok(stored),
            (_, Some(late)) => Err(late),
            // The initialiser fails only when it finds `value` taken, and it runs at most once.
            (Err(()), None) => unreachable!("the initialiser ran twice"),
        }
    }

    /// The value, if there is one.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }
}

impl<T, P: Platform> Default for Once<T, P> {
    fn default() -> Self {
        Self::new()
    }
}
