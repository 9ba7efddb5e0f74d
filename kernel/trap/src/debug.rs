//! The debug state of a vCPU: enough for self-hosted software step, and an OS lock.
//!
//! Breakpoints and watchpoints exist for the architecture's sake only: they read as zero and ignore
//! writes. What a guest debugger gets is single-stepping, through `MDSCR_EL1`, and `BRK`.

/// One vCPU's debug state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debug {
    mdscr: u64,
    locked: bool,
}

/// `MDSCR_EL1` bits that guests may set: SS (0) and KDE (13) for software step, TDCC (12). MDE (15) would
/// enable the breakpoints, which are nobody's; the others belong to an external debugger.
const MDSCR_WRITABLE: u64 = 1 | 1 << 12 | 1 << 13;

impl Debug {
    /// After reset: locked, everything disabled (Arm ARM D24.3, `OSLSR_EL1.OSLK` resets to 1).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            mdscr: 0,
            locked: true,
        }
    }

    /// Reads `MDSCR_EL1`.
    #[must_use]
    pub const fn mdscr(&self) -> u64 {
        self.mdscr
    }

    /// Writes `MDSCR_EL1`. The hardware's register must then follow [`Debug::hardware_mdscr`].
    pub const fn write_mdscr(&mut self, value: u64) {
        self.mdscr = value & MDSCR_WRITABLE;
    }

    /// Writes `OSLAR_EL1`: bit 0 locks. The hardware's `MDSCR_EL1` must then follow
    /// [`Debug::hardware_mdscr`].
    pub const fn write_oslar(&mut self, value: u64) {
        self.locked = value & 1 != 0;
    }

    /// Reads `OSLSR_EL1`: the lock is implemented (OSLM = 0b10), and its state.
    #[must_use]
    pub const fn oslsr(&self) -> u64 {
        const IMPLEMENTED: u64 = 1 << 3;
        const LOCKED: u64 = 1 << 1;
        if self.locked {
            IMPLEMENTED | LOCKED
        } else {
            IMPLEMENTED
        }
    }

    /// What the hardware's `MDSCR_EL1` must hold while this vCPU runs. The OS lock disables software step
    /// (Arm ARM D2.3); the hardware's own lock is open at all times.
    #[must_use]
    pub const fn hardware_mdscr(&self) -> u64 {
        if self.locked { 0 } else { self.mdscr }
    }
}

impl Default for Debug {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_vcpu_is_locked_and_silent() {
        let debug = Debug::new();
        assert_eq!(debug.oslsr(), 0b1010);
        assert_eq!(debug.mdscr(), 0);
        assert_eq!(debug.hardware_mdscr(), 0);
    }

    #[test]
    fn the_lock_opens_and_closes() {
        let mut debug = Debug::new();
        debug.write_oslar(0);
        assert_eq!(debug.oslsr(), 0b1000);
        debug.write_oslar(u64::MAX);
        assert_eq!(debug.oslsr(), 0b1010);
    }

    #[test]
    fn stepping_works_only_unlocked() {
        let mut debug = Debug::new();
        debug.write_mdscr(1);
        assert_eq!((debug.mdscr(), debug.hardware_mdscr()), (1, 0));
        debug.write_oslar(0);
        assert_eq!(debug.hardware_mdscr(), 1);
    }

    #[test]
    fn breakpoints_can_never_be_enabled() {
        let mut debug = Debug::new();
        debug.write_oslar(0);
        debug.write_mdscr(u64::MAX);
        assert_eq!(debug.hardware_mdscr(), 0x3001);
    }
}
