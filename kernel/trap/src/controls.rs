//! The trap controls that the rest of this crate assumes: what EL2 sets while a guest runs.
//!
//! Values are for `HCR_EL2.E2H` = 0. Bits that may differ from vCPU to vCPU or from moment to moment
//! (`HCR_EL2.VSE`, `TWI`, `TWE`, …) are the caller's; these here never change.

/// `HCR_EL2` (Arm ARM D24.2).
///
/// - `VM`, `RW`: stage 2 on, EL1 is AArch64.
/// - `SWIO`: invalidation by set/way cleans first, so that a guest cannot drop another's data.
/// - `FMO`, `IMO`, `AMO`: physical interrupts and SErrors come to EL2, virtual ones go to EL1.
/// - `FB`, `BSU` = inner shareable: a guest's local TLB and barrier instructions reach the core on which it
///   ran before it was moved.
/// - `TID1`, `TID3`, `TID5`: ID registers trap but those of caches. `TSC`: `SMC` traps. `TIDCP`, `TACR`: IMPLEMENTATION DEFINED registers and
///   `ACTLR_EL1` trap. `TLOR`, `TERR`: limited ordering regions and RAS error records trap.
/// - Clear, so that they trap or are undefined: `API`, `APK` (pointer authentication), `ATA` (memory
///   tagging), `EnSCXT` (`SCXTNUM_ELx`), `FIEN`, `NV`, `AMVOFFEN`.
/// - Clear, so that they do not trap: `TSW` (set/way maintenance of this core's own caches, harmless with
///   `SWIO`), `TVM`, `TTLB`, `TPCP`, `TPU`, `TID2`.
pub const HCR_EL2: u64 = hcr::VM
    | hcr::SWIO
    | hcr::FMO
    | hcr::IMO
    | hcr::AMO
    | hcr::FB
    | hcr::BSU_INNER
    | hcr::TID1
    | hcr::TID3
    | hcr::TSC
    | hcr::TIDCP
    | hcr::TACR
    | hcr::RW
    | hcr::TLOR
    | hcr::TERR
    | hcr::TID5;

/// Bits of `HCR_EL2`.
mod hcr {
    pub const VM: u64 = 1 << 0;
    pub const SWIO: u64 = 1 << 1;
    pub const FMO: u64 = 1 << 3;
    pub const IMO: u64 = 1 << 4;
    pub const AMO: u64 = 1 << 5;
    pub const FB: u64 = 1 << 9;
    pub const BSU_INNER: u64 = 1 << 10;
    pub const TID1: u64 = 1 << 16;
    pub const TID3: u64 = 1 << 18;
    pub const TSC: u64 = 1 << 19;
    pub const TIDCP: u64 = 1 << 20;
    pub const TACR: u64 = 1 << 21;
    pub const RW: u64 = 1 << 31;
    pub const TLOR: u64 = 1 << 35;
    pub const TERR: u64 = 1 << 36;
    pub const TID5: u64 = 1 << 58;
}

/// `MDCR_EL2` (Arm ARM D24.3): all debug (`TDRA`, `TDOSA`, `TDA`), performance monitor (`TPM`,
/// `TPMCR`), profiling (`TPMS`) and trace filter (`TTRF`) registers trap; `TDE` is clear, so that `BRK` and
/// software step stay inside the guest; `E2PB` and `E2TB` are 0, so that guests own no profiling or trace
/// buffer. `HPMN` must be added: the number of counters, `PMCR_EL0.N`, or 0 without a PMU.
pub const MDCR_EL2: u64 = 1 << 11 | 1 << 10 | 1 << 9 | 1 << 6 | 1 << 5 | 1 << 14 | 1 << 19;

/// `CPTR_EL2` with E2H = 0 (Arm ARM D24.2): SVE (`TZ`), SME (`TSM`), trace (`TTA`) and activity
/// monitors (`TAM`) trap; floating point (`TFP`) and `CPACR_EL1` (`TCPAC`) do not. Bits 13, 9 and 7:0 are
/// RES1.
pub const CPTR_EL2: u64 = 0x22ff | 1 << 8 | 1 << 12 | 1 << 20 | 1 << 30;

/// `CNTHCTL_EL2` with E2H = 0 (Arm ARM D24.10): the physical counter is readable (`EL1PCTEN`), the
/// physical timer traps (`EL1PCEN` = 0).
pub const CNTHCTL_EL2: u64 = 1 << 0;

/// `HSTR_EL2`: nothing; it concerns AArch32 EL1 only.
pub const HSTR_EL2: u64 = 0;

/// `HCRX_EL2`, where FEAT_HCX has it: nothing is enabled, so that `TCR2_EL1`, `SCTLR2_EL1`, the memory
/// copy instructions and whatever comes later trap or are undefined.
pub const HCRX_EL2: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_ones_are_ones_and_floating_point_is_free() {
        assert_eq!(CPTR_EL2 & 0x22ff, 0x22ff);
        assert_eq!(CPTR_EL2 & (1 << 10 | 1 << 31), 0);
    }

    #[test]
    fn hidden_features_are_not_enabled() {
        // API, APK, NV, FIEN, AMVOFFEN, EnSCXT, ATA; E2H and TGE.
        let off = 1u64 << 41 | 1 << 40 | 1 << 42 | 1 << 47 | 1 << 51 | 1 << 53 | 1 << 56;
        assert_eq!(HCR_EL2 & off, 0);
        assert_eq!(HCR_EL2 & (1 << 34 | 1 << 27), 0);
    }

    #[test]
    fn guests_keep_their_own_breakpoint_instructions() {
        assert_eq!(MDCR_EL2 & 1 << 8, 0);
    }
}
