//! Encodings around traps that the hardware side adds to `trap::controls`: bits of HCR_EL2 that change from
//! moment to moment, a vCPU's MPIDR, the address of a stage 2 abort.
//!
//! Values only, so that tests can hold them against the Arm ARM; `guest` writes them.

/// HCR_EL2 (Arm ARM D24.2.51).
pub mod hcr {
    /// Physical FIQ, IRQ, SError come to EL2.
    const FMO: u64 = 1 << 3;
    const IMO: u64 = 1 << 4;
    const AMO: u64 = 1 << 5;
    /// A virtual SError is pending; the core clears it when the guest takes it.
    pub const VSE: u64 = 1 << 8;
    /// WFI traps.
    pub const TWI: u64 = 1 << 13;
    /// WFE traps.
    pub const TWE: u64 = 1 << 14;
    /// REVIDR_EL1, AIDR_EL1 and SMIDR_EL1 trap.
    const TID1: u64 = 1 << 16;
    /// EL1 is AArch64.
    const RW: u64 = 1 << 31;
    /// GMID_EL1 (MTE, which is hidden) traps.
    const TID5: u64 = 1 << 58;

    /// While no guest has been loaded: interrupts come to EL2, EL1 is AArch64.
    pub const HOST: u64 = FMO | IMO | AMO | RW;

    /// For every guest: what `trap` relies on, and the identification registers it has answers for.
    pub const GUEST: u64 = trap::controls::HCR_EL2 | TID1 | TID5;
}

/// CPTR_EL2.TFP: FP and SIMD trap, from EL2 too.
pub const CPTR_TFP: u64 = 1 << 10;

/// MDCR_EL2.HPMN: the number of event counters EL1 could use. Left as it is at reset; they trap.
pub const MDCR_HPMN: u64 = 0x1f;

/// The VMPIDR_EL2 of a vCPU: Aff0 is its number, bit 31 is RES1.
#[must_use]
pub const fn vmpidr(vcpu: u8) -> u64 {
    1 << 31 | vcpu as u64
}

/// The intermediate physical address in HPFAR_EL2 joined with the page offset in FAR_EL2, where the syndrome
/// says HPFAR_EL2 is valid: for every stage 2 abort but a permission fault of the access itself (Arm ARM
/// D19.2.58). `None`: ask `translate`.
#[must_use]
pub const fn fault_ipa(esr: u64, far: u64, hpfar: u64) -> Option<u64> {
    let status = esr & 0x3f;
    let permission = status & 0x3c == 0x0c;
    let table_walk = esr & (1 << 7) != 0;
    if permission && !table_walk {
        None
    } else {
        Some((hpfar & 0x0000_0fff_ffff_fff0) << 8 | far & 0xfff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_hcr_hides_what_is_not_switched() {
        let (apk, api, ata, tge, e2h, nv) = (1 << 40, 1 << 41, 1 << 56, 1 << 27, 1 << 34, 1 << 42);
        assert_eq!(hcr::GUEST & (apk | api | ata | tge | e2h | nv), 0);
        // VM, FMO, IMO, AMO, TSC, TIDCP, TACR, TID3, RW.
        let needed = 0x39 | 1 << 19 | 1 << 20 | 1 << 21 | 1 << 18 | 1 << 31;
        assert_eq!(hcr::GUEST & needed, needed);
    }

    #[test]
    fn without_a_guest_stage_2_is_off() {
        assert_eq!(hcr::HOST, 0x8000_0038);
    }

    #[test]
    fn a_vcpu_knows_its_number_by_aff0() {
        assert_eq!(vmpidr(7), 0x8000_0007);
    }

    #[test]
    fn a_translation_fault_finds_its_address_in_hpfar() {
        // Level 2 translation fault; HPFAR holds IPA bits 47:12 in bits 39:4.
        assert_eq!(
            fault_ipa(0x9200_0006, 0xffff_8000_0000_1234, 0x0009_0100),
            Some(0x0901_0234)
        );
    }

    #[test]
    fn a_permission_fault_has_no_valid_hpfar_unless_on_a_table_walk() {
        assert_eq!(fault_ipa(0x9200_000f, 0x1234, 0x0009_0100), None);
        assert_eq!(
            fault_ipa(0x9200_008f, 0x1234, 0x0009_0100),
            Some(0x0901_0234)
        );
    }
}
