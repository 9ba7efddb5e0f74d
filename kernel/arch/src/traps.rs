//! What a guest may do by itself and what traps: the values of HCR_EL2, CPTR_EL2, MDCR_EL2, CNTHCTL_EL2.
//!
//! Encodings only, so that tests can hold them against the Arm ARM; `guest` writes them. The rule: whatever
//! is not virtualised traps, and state that is not switched is not reachable.

/// HCR_EL2 (Arm ARM D19.2.51).
pub mod hcr {
    /// Stage 2 on.
    pub const VM: u64 = 1 << 0;
    /// Set/way invalidation also cleans.
    pub const SWIO: u64 = 1 << 1;
    /// Physical FIQ, IRQ, SError come to EL2; their virtual kinds are on.
    pub const FMO: u64 = 1 << 3;
    /// See [`FMO`].
    pub const IMO: u64 = 1 << 4;
    /// See [`FMO`].
    pub const AMO: u64 = 1 << 5;
    /// A virtual SError is pending.
    pub const VSE: u64 = 1 << 8;
    /// Local TLB and instruction cache maintenance acts on all cores: a vCPU moves between them.
    pub const FB: u64 = 1 << 9;
    /// A guest's barriers reach at least the inner shareable domain.
    pub const BSU_INNER: u64 = 1 << 10;
    /// WFI and WFE trap.
    pub const TWI: u64 = 1 << 13;
    /// See [`TWI`].
    pub const TWE: u64 = 1 << 14;
    /// REVIDR, AIDR and SMIDR trap.
    pub const TID1: u64 = 1 << 16;
    /// Identification registers trap.
    pub const TID3: u64 = 1 << 18;
    /// SMC traps; ELR_EL2 points at it, not behind it.
    pub const TSC: u64 = 1 << 19;
    /// Implementation-defined registers trap.
    pub const TIDCP: u64 = 1 << 20;
    /// ACTLR_EL1 traps.
    pub const TACR: u64 = 1 << 21;
    /// EL1 is AArch64.
    pub const RW: u64 = 1 << 31;
    /// Limited ordering regions trap.
    pub const TLOR: u64 = 1 << 35;
    /// RAS error records trap.
    pub const TERR: u64 = 1 << 36;
    /// A guest's synchronous external aborts come to EL2.
    pub const TEA: u64 = 1 << 37;
    /// GMID_EL1 (MTE) traps.
    pub const TID5: u64 = 1 << 58;

    /// While no guest has been loaded: interrupts come to EL2, EL1 is AArch64.
    pub const HOST: u64 = FMO | IMO | AMO | RW;

    /// For every guest. Clear on purpose: API and APK (pointer authentication traps: it is hidden), ATA
    /// (MTE off), EnSCXT, NV, TGE, E2H, TVM (translation registers are the guest's own).
    pub const GUEST: u64 = VM
        | SWIO
        | FMO
        | IMO
        | AMO
        | FB
        | BSU_INNER
        | TID1
        | TID3
        | TSC
        | TIDCP
        | TACR
        | RW
        | TLOR
        | TERR
        | TEA
        | TID5;
}

/// CPTR_EL2 with E2H = 0 (Arm ARM D19.2.31).
pub mod cptr {
    /// The RES1 bits, of which 8 traps SVE and 12 SME where they exist.
    pub const RES1: u64 = 0x33ff;
    /// FP and SIMD trap, from EL2 too.
    pub const TFP: u64 = 1 << 10;
    /// Trace registers trap.
    pub const TTA: u64 = 1 << 20;
    /// Activity monitors trap.
    pub const TAM: u64 = 1 << 30;
    /// For every guest: everything but FP and SIMD.
    pub const GUEST: u64 = (RES1 & !TFP) | TTA | TAM;
}

/// MDCR_EL2 (Arm ARM D19.3.20).
pub mod mdcr {
    /// Number of event counters that EL1 could use; kept as it is at reset (all), since they trap.
    pub const HPMN: u64 = 0x1f;
    /// PMCR_EL0 traps.
    pub const TPMCR: u64 = 1 << 5;
    /// Performance monitors trap.
    pub const TPM: u64 = 1 << 6;
    /// Debug registers trap; BRK does not, it is the guest's own.
    pub const TDA: u64 = 1 << 9;
    /// OS lock registers trap.
    pub const TDOSA: u64 = 1 << 10;
    /// Debug ROM registers trap.
    pub const TDRA: u64 = 1 << 11;
    /// Statistical profiling traps; its buffer is EL2's (E2PB = 0).
    pub const TPMS: u64 = 1 << 14;
    /// Trace filter traps; the trace buffer is EL2's (E2TB = 0).
    pub const TTRF: u64 = 1 << 19;
    /// For every guest, besides [`HPMN`].
    pub const GUEST: u64 = TPMCR | TPM | TDA | TDOSA | TDRA | TPMS | TTRF;
}

/// CNTHCTL_EL2 with E2H = 0 (Arm ARM D19.12.6): bit 0 lets the guest read the physical counter, bit 1 clear
/// makes the physical timer trap (it is emulated); no event stream of EL2's own; of the extensions
/// (offset, trapping of the virtual timer) nothing.
pub const CNTHCTL_GUEST: u64 = 1;

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
    fn guest_cptr_traps_sve_and_sme_but_not_fp() {
        assert_eq!(cptr::GUEST & (1 << 8), 1 << 8);
        assert_eq!(cptr::GUEST & (1 << 12), 1 << 12);
        assert_eq!(cptr::GUEST & (1 << 10), 0);
        assert_eq!(cptr::GUEST & (1 << 30 | 1 << 20), 1 << 30 | 1 << 20);
    }

    #[test]
    fn breakpoint_instructions_stay_the_guests_own() {
        let tde = 1 << 8;
        assert_eq!(mdcr::GUEST & tde, 0);
        assert_eq!(mdcr::GUEST & (1 << 9), 1 << 9);
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
