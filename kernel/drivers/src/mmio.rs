//! A block of device registers at a fixed physical address.

use core::ops::Deref;

/// Registers of the layout `T`. Dereferences to them; each access is a volatile load or store.
#[derive(Debug)]
pub(crate) struct Registers<T>(*const T);

impl<T> Registers<T> {
    /// Registers at `base`.
    ///
    /// # Safety
    ///
    /// A device with this layout is there, mapped as device memory (or the MMU is off) whenever it is
    /// accessed, and `base` is aligned for `T`. Accesses from several cores at once are as the
    /// methods that use this block promise.
    pub(crate) const unsafe fn at(base: u64) -> Self {
        Self(core::ptr::with_exposed_provenance(base as usize))
    }
}

impl<T> Deref for Registers<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: `at`'s caller promised a device with this layout at that address, for ever. `T` consists of
        // registers, whose interior is accessed only volatilely.
        unsafe { &*self.0 }
    }
}

// SAFETY: device registers belong to no core; see `at` for concurrent accesses.
unsafe impl<T> Sync for Registers<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Registers<T> {}

#[cfg(test)]
pub(crate) mod fake {
    //! Plain memory in place of a device.

    use super::Registers;
    use std::boxed::Box;

    /// Zeroed memory of the layout `T` that is never freed, and registers over it.
    pub(crate) fn registers<T>() -> Registers<T> {
        // SAFETY: layouts consist of registers, for which all bits zero is a value.
        let memory = Box::leak(unsafe { Box::<T>::new_zeroed().assume_init() });
        // SAFETY: the memory lives for ever, has the layout, and only this test uses it.
        unsafe { Registers::at(core::ptr::from_mut(memory).expose_provenance() as u64) }
    }
}
