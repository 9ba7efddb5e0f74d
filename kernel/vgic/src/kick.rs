//! The vCPUs that have something to collect.
//!
//! For: telling the caller, who owns wake-ups and physical interrupts, whom to disturb. A `Kick` never
//! leaves out a vCPU whose guest would otherwise miss a change; it may contain one that has nothing to do.

use crate::MAX_VCPUS;

/// A set of vCPUs: bit n is vCPU n.
#[must_use = "vCPUs in the set do not notice the change until they are refreshed"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Kick(u8);

impl Kick {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// The vCPUs whose bits are set.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Bit n is vCPU n.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Nobody needs to do anything.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether vCPU `vcpu` is in the set.
    #[must_use]
    pub const fn contains(self, vcpu: usize) -> bool {
        self.0 & vcpu_bit(vcpu) != 0
    }

    /// The set without vCPU `vcpu`: for a caller that refreshes itself anyway.
    pub const fn without(self, vcpu: usize) -> Self {
        Self(self.0 & !vcpu_bit(vcpu))
    }

    /// Both sets.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The bit of vCPU `vcpu`; none for a vCPU that cannot exist.
pub(crate) const fn vcpu_bit(vcpu: usize) -> u8 {
    if vcpu < MAX_VCPUS {
        1u8.wrapping_shl(vcpu as u32)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_was_put_in_and_nothing_beyond_eight() {
        let kick = Kick::from_bits(0b101).union(Kick::from_bits(0b1000));
        assert!(kick.contains(0) && kick.contains(2) && kick.contains(3));
        assert!(!kick.contains(1) && !kick.contains(8) && !kick.contains(usize::MAX));
        assert_eq!(kick.without(2).bits(), 0b1001);
        assert_eq!(kick.without(64).bits(), 0b1101);
    }
}
