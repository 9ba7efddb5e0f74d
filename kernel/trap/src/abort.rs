//! Stage 2 aborts: where, what kind of fault, and what the instruction wanted to do.

/// A data abort from a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataAbort {
    /// Why.
    pub fault: Fault,
    /// The guest physical address; the offset within its page is meaningful unless `s1ptw`.
    ///
    /// `None` where hardware does not report it (Arm ARM D24.2, HPFAR_EL2): permission faults outside
    /// a stage 1 walk, external aborts, alignment faults. The guest virtual address must then be
    /// translated (`AT S1E1R`, `AT S1E0R`).
    pub ipa: Option<u64>,
    /// The guest virtual address; `None` where hardware does not report it (`FnV`).
    pub va: Option<u64>,
    /// The access itself, if the syndrome describes it (`ISV`): single-register loads and stores without
    /// write-back. `None`: it cannot be emulated from the syndrome.
    pub access: Option<Access>,
    /// It was a write. A stage 1 walk that updates its descriptor writes too.
    pub write: bool,
    /// The fault hit the guest's own stage 1 table walk.
    pub s1ptw: bool,
    /// It was a cache maintenance or address translation instruction, not a load or store.
    pub cache_maintenance: bool,
}

/// An instruction abort from a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionAbort {
    /// Why.
    pub fault: Fault,
    /// As in [`DataAbort::ipa`].
    pub ipa: Option<u64>,
    /// As in [`DataAbort::va`].
    pub va: Option<u64>,
    /// As in [`DataAbort::s1ptw`].
    pub s1ptw: bool,
}

/// A load or store that hardware described completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// The register loaded or stored, 0 to 31; 31 is XZR.
    pub rt: u8,
    /// A load sign-extends.
    pub sign_extend: bool,
    /// The register is 64 bits wide (Xt); otherwise a load clears its upper half.
    pub wide: bool,
    /// It has acquire or release semantics.
    pub ordered: bool,
}

/// Why a translation failed: the fault status code (Arm ARM D24.2, ESR_EL2, DFSC and IFSC). Levels are those of
/// the table walk, −1 to 3; which stage it was is told by where the fault is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The output address is too wide, in a table entry or in the base register.
    AddressSize(i8),
    /// Nothing is mapped.
    Translation(i8),
    /// The access flag is clear.
    AccessFlag(i8),
    /// Not allowed.
    Permission(i8),
    /// The memory system refused.
    External,
    /// The memory system refused a table walk.
    ExternalOnWalk(i8),
    /// The data was corrupt.
    Ecc,
    /// The data of a table walk was corrupt.
    EccOnWalk(i8),
    /// A granule protection check failed.
    GranuleProtection,
    /// A misaligned access to memory that does not allow it.
    Alignment,
    /// Two TLB entries for one address.
    TlbConflict,
    /// An atomic or exclusive access that the memory does not support.
    UnsupportedAtomic,
    /// A status code that is reserved or IMPLEMENTATION DEFINED.
    Other(u8),
}

const ISV: u64 = 1 << 24;
const FNV: u64 = 1 << 10;
const CM: u64 = 1 << 8;
const S1PTW: u64 = 1 << 7;
const WNR: u64 = 1 << 6;

impl DataAbort {
    /// Decodes the syndrome of exception class 0x24.
    #[inline]
    #[must_use]
    pub fn decode(esr: u64, far: u64, hpfar: u64) -> Self {
        let fault = Fault::from_status(esr as u8);
        let s1ptw = esr & S1PTW != 0;
        Self {
            fault,
            ipa: ipa(fault, s1ptw, far, hpfar),
            va: va(esr, far),
            // A maintenance operation never has a valid syndrome; hardware that says so is not believed.
            access: if esr & ISV != 0 && esr & CM == 0 {
                Some(Access::decode(esr))
            } else {
                None
            },
            write: esr & WNR != 0,
            s1ptw,
            cache_maintenance: esr & CM != 0,
        }
    }
}

/// The register of the commonest access to a device: a load of 32 bits, zero-extended, from where stage 2 maps
/// nothing, with a valid address. `None`: anything else; decode it.
#[inline(always)]
#[must_use]
pub const fn word_load(esr: u64) -> Option<u8> {
    word_access(esr, 0)
}

/// The same for a store of 32 bits: the register that holds them.
#[inline(always)]
#[must_use]
pub const fn word_store(esr: u64) -> Option<u8> {
    word_access(esr, WNR)
}

#[inline(always)]
const fn word_access(esr: u64, direction: u64) -> Option<u8> {
    const IL: u64 = 1 << 25;
    const SIZE: u64 = 3 << 22;
    const WORD: u64 = 2 << 22;
    const SIGNED: u64 = 1 << 21;
    // Translation faults of levels 0 to 3: 0b0001xx.
    const STATUS: u64 = 0x3c;
    const TRANSLATION: u64 = 0x04;
    const LOOK_AT: u64 = IL | ISV | SIZE | SIGNED | FNV | CM | S1PTW | WNR | STATUS;
    if esr & LOOK_AT == IL | ISV | WORD | TRANSLATION | direction {
        Some((esr >> 16) as u8 & 31)
    } else {
        None
    }
}

impl InstructionAbort {
    /// Decodes the syndrome of exception class 0x20.
    #[inline]
    #[must_use]
    pub fn decode(esr: u64, far: u64, hpfar: u64) -> Self {
        let fault = Fault::from_status(esr as u8);
        let s1ptw = esr & S1PTW != 0;
        Self {
            fault,
            ipa: ipa(fault, s1ptw, far, hpfar),
            va: va(esr, far),
            s1ptw,
        }
    }
}

impl Access {
    #[inline]
    const fn decode(esr: u64) -> Self {
        Self {
            size: 1 << (esr >> 22 & 3),
            rt: (esr >> 16) as u8 & 31,
            sign_extend: esr & 1 << 21 != 0,
            wide: esr & 1 << 15 != 0,
            ordered: esr & 1 << 14 != 0,
        }
    }

    /// What a load puts into its register, of the `value` read: cut to the size, extended as asked.
    #[inline]
    #[must_use]
    pub const fn loaded(&self, value: u64) -> u64 {
        let cut = self.stored(value);
        let extended = if self.sign_extend {
            match self.size {
                1 => cut as u8 as i8 as i64 as u64,
                2 => cut as u16 as i16 as i64 as u64,
                4 => cut as u32 as i32 as i64 as u64,
                _ => cut,
            }
        } else {
            cut
        };
        if self.wide {
            extended
        } else {
            extended & 0xffff_ffff
        }
    }

    /// What a store writes, of the register's `value`: cut to the size.
    #[inline]
    #[must_use]
    pub const fn stored(&self, value: u64) -> u64 {
        match self.size {
            1 => value & 0xff,
            2 => value & 0xffff,
            4 => value & 0xffff_ffff,
            _ => value,
        }
    }
}

impl Fault {
    /// The fault of a status code; bits 7:6 are ignored.
    #[inline]
    #[must_use]
    pub const fn from_status(status: u8) -> Self {
        let status = status & 0x3f;
        let level = (status & 3) as i8;
        match status {
            0x00..=0x03 => Self::AddressSize(level),
            0x04..=0x07 => Self::Translation(level),
            0x08..=0x0b => Self::AccessFlag(level),
            0x0c..=0x0f => Self::Permission(level),
            0x10 => Self::External,
            // Level −2 exists with 128-bit descriptors only, which nobody here enables.
            0x13 => Self::ExternalOnWalk(-1),
            0x14..=0x17 => Self::ExternalOnWalk(level),
            0x18 => Self::Ecc,
            0x1b => Self::EccOnWalk(-1),
            0x1c..=0x1f => Self::EccOnWalk(level),
            0x21 => Self::Alignment,
            0x23..=0x28 => Self::GranuleProtection,
            0x29 => Self::AddressSize(-1),
            0x2b => Self::Translation(-1),
            0x30 => Self::TlbConflict,
            0x35 => Self::UnsupportedAtomic,
            other => Self::Other(other),
        }
    }
}

#[inline]
const fn va(esr: u64, far: u64) -> Option<u64> {
    if esr & FNV == 0 { Some(far) } else { None }
}

/// The guest physical address, where `HPFAR_EL2` is valid (Arm ARM D24.2, HPFAR_EL2): its FIPA field, bits 43:4,
/// holds bits 51:12; the page offset is the virtual address's, except that a stage 1 walk's is unknown.
#[inline]
const fn ipa(fault: Fault, s1ptw: bool, far: u64, hpfar: u64) -> Option<u64> {
    const FIPA: u64 = 0x0fff_ffff_fff0;
    let valid = match fault {
        Fault::AddressSize(_) | Fault::Translation(_) | Fault::AccessFlag(_) => true,
        Fault::Permission(_) => s1ptw,
        _ => false,
    };
    let page = (hpfar & FIPA) << 8;
    match (valid, s1ptw) {
        (false, _) => None,
        (true, true) => Some(page),
        (true, false) => Some(page | far & 0xfff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAR: u64 = 0xffff_8000_1234_5678;
    const HPFAR: u64 = 0x0009_0000;

    fn data(iss: u64) -> DataAbort {
        DataAbort::decode(0x24 << 26 | 1 << 25 | iss, FAR, HPFAR)
    }

    #[test]
    fn a_device_store_is_described_completely() {
        // strb w3, [x4]: ISV, SAS 0, SRT 3, WnR, translation fault at level 3.
        let abort = data(ISV | 3 << 16 | WNR | 0x07);
        assert_eq!(abort.fault, Fault::Translation(3));
        assert_eq!(abort.ipa, Some(0x0900_0678));
        assert_eq!(abort.va, Some(FAR));
        assert!(abort.write && !abort.s1ptw && !abort.cache_maintenance);
        let access = abort.access.expect("described");
        assert_eq!((access.size, access.rt), (1, 3));
        assert!(!access.sign_extend && !access.wide && !access.ordered);
    }

    proptest! {
        #[test]
        fn a_word_access_is_what_the_decoder_says_it_is(iss in 0u64..1 << 25, word: bool) {
            // Half of the time something that is one but for a few bits.
            let iss = if word { iss & (ISV | 31 << 16 | WNR | 3) | ISV | 2 << 22 | 0x04 } else { iss };
            let esr = 0x24 << 26 | 1 << 25 | iss;
            let abort = data(iss);
            let expected = abort.access.filter(|access| {
                access.size == 4
                    && !access.sign_extend
                    && !abort.s1ptw
                    && abort.va.is_some()
                    && matches!(abort.fault, Fault::Translation(0..))
            });
            let (load, store) = if abort.write { (None, expected) } else { (expected, None) };
            prop_assert_eq!(word_load(esr), load.map(|access| access.rt));
            prop_assert_eq!(word_store(esr), store.map(|access| access.rt));
        }
    }

    #[test]
    fn sizes_and_flags_of_a_load() {
        for (sas, size) in [(0, 1), (1, 2), (2, 4), (3, 8)] {
            let abort = data(ISV | sas << 22 | 1 << 21 | 31 << 16 | 1 << 15 | 1 << 14 | 0x04);
            let access = abort.access.expect("described");
            assert_eq!((access.size, access.rt), (size, 31));
            assert!(access.sign_extend && access.wide && access.ordered);
            assert!(!abort.write);
        }
    }

    #[test]
    fn without_a_valid_syndrome_there_is_no_access() {
        assert_eq!(data(0x07).access, None);
        assert_eq!(data(ISV | CM | 0x07).access, None);
        assert!(data(CM | WNR | 0x07).cache_maintenance);
    }

    #[test]
    fn the_ipa_is_given_only_where_hpfar_is_valid() {
        for status in [0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0x09, 0x29, 0x2b] {
            assert_eq!(data(status).ipa, Some(0x0900_0678), "{status:#x}");
        }
        for status in [0x0d, 0x0f, 0x10, 0x14, 0x18, 0x21, 0x30, 0x35, 0x3f] {
            assert_eq!(data(status).ipa, None, "{status:#x}");
        }
    }

    #[test]
    fn a_fault_on_the_guest_s_walk_has_a_page_but_no_offset() {
        for status in [0x07, 0x0b, 0x0f] {
            let abort = data(S1PTW | status);
            assert!(abort.s1ptw);
            assert_eq!(abort.ipa, Some(0x0900_0000));
        }
    }

    #[test]
    fn hpfar_s_security_bit_and_reserved_bits_are_no_address() {
        let abort = DataAbort::decode(0x07, 0, 1 << 63 | 0xf | HPFAR);
        assert_eq!(abort.ipa, Some(0x0900_0000));
        let abort = DataAbort::decode(0x07, 0, 0x0fff_ffff_fff0);
        assert_eq!(abort.ipa, Some(0x000f_ffff_ffff_f000));
    }

    #[test]
    fn an_unknown_virtual_address_is_not_given() {
        assert_eq!(data(0x410).va, None);
        assert_eq!(data(0x810).va, Some(FAR));
    }

    #[test]
    fn instruction_aborts_know_address_and_walk() {
        let abort = InstructionAbort::decode(0x20 << 26 | S1PTW | 0x06, FAR, HPFAR);
        assert_eq!(
            abort,
            InstructionAbort {
                fault: Fault::Translation(2),
                ipa: Some(0x0900_0000),
                va: Some(FAR),
                s1ptw: true
            }
        );
    }

    #[test]
    fn status_codes_are_told_apart() {
        use Fault::*;
        for (status, fault) in [
            (0x00, AddressSize(0)),
            (0x03, AddressSize(3)),
            (0x08, AccessFlag(0)),
            (0x0e, Permission(2)),
            (0x10, External),
            (0x13, ExternalOnWalk(-1)),
            (0x15, ExternalOnWalk(1)),
            (0x18, Ecc),
            (0x1b, EccOnWalk(-1)),
            (0x1f, EccOnWalk(3)),
            (0x21, Alignment),
            (0x23, GranuleProtection),
            (0x28, GranuleProtection),
            (0x29, AddressSize(-1)),
            (0x2b, Translation(-1)),
            (0x30, TlbConflict),
            (0x34, Other(0x34)),
            (0x35, UnsupportedAtomic),
            (0x11, Other(0x11)),
        ] {
            assert_eq!(Fault::from_status(status), fault, "{status:#x}");
            assert_eq!(Fault::from_status(status | 0xc0), fault, "{status:#x}");
        }
    }

    fn access(size: u8, sign_extend: bool, wide: bool) -> Access {
        Access {
            size,
            rt: 0,
            sign_extend,
            wide,
            ordered: false,
        }
    }

    #[test]
    fn loads_extend_as_the_instruction_says() {
        assert_eq!(access(1, false, false).loaded(0xffff_ff80), 0x80);
        assert_eq!(access(1, true, false).loaded(0x80), 0xffff_ff80);
        assert_eq!(access(1, true, true).loaded(0x80), !0x7f);
        assert_eq!(access(2, true, true).loaded(0x8000), !0x7fff);
        assert_eq!(access(4, true, true).loaded(0x8000_0000), !0x7fff_ffff);
        assert_eq!(access(4, false, false).loaded(u64::MAX), 0xffff_ffff);
        assert_eq!(access(8, false, true).loaded(u64::MAX), u64::MAX);
    }

    #[test]
    fn stores_write_all_of_their_size() {
        for (size, mask) in [(1, 0xff), (2, 0xffff), (4, 0xffff_ffff), (8, u64::MAX)] {
            assert_eq!(access(size, true, false).stored(u64::MAX), mask);
        }
    }

    proptest! {
        #[test]
        fn a_store_never_writes_more_than_its_size(value: u64, log in 0u32..4) {
            let access = access(1 << log, false, true);
            let bits = 8 * u32::from(access.size);
            prop_assert_eq!(access.stored(value).checked_shr(bits).unwrap_or(0), 0);
        }
    }
}
