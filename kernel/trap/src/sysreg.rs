//! Names of system registers and system instructions: their five encoding fields in one word.

use core::fmt;

/// A system register or instruction, by its encoding (Arm ARM C5.1.2).
///
/// The fields lie as in bits 20:5 of the `MRS`/`MSR` instruction: op0, op1, CRn, CRm, op2 from the top.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysReg(u16);

impl SysReg {
    /// The register S`op0`_`op1`_C`crn`_C`crm`_`op2`; only the bits that exist of each field are taken.
    #[inline]
    #[must_use]
    pub const fn new(op0: u8, op1: u8, crn: u8, crm: u8, op2: u8) -> Self {
        Self(
            (op0 as u16 & 3) << 14
                | (op1 as u16 & 7) << 11
                | (crn as u16 & 15) << 7
                | (crm as u16 & 15) << 3
                | (op2 as u16 & 7),
        )
    }

    /// The register of a trap's ISS (exception class 0x18): op0 21:20, op2 19:17, op1 16:14, CRn 13:10,
    /// CRm 4:1.
    #[inline]
    #[must_use]
    pub const fn from_iss(iss: u32) -> Self {
        Self(
            ((iss >> 20 & 3) << 14
                | (iss >> 14 & 7) << 11
                | (iss >> 10 & 15) << 7
                | (iss >> 1 & 15) << 3
                | (iss >> 17 & 7)) as u16,
        )
    }

    /// If the syndrome of a trapped access (exception class 0x18) is that of a write to this register: the general
    /// register that holds the value.
    #[inline(always)]
    #[must_use]
    pub const fn written_by(self, esr: u64) -> Option<u8> {
        const ISS: u64 = 0x1ff_ffff;
        const RT: u64 = 31 << 5;
        let iss = (self.op0() as u64) << 20
            | (self.op2() as u64) << 17
            | (self.op1() as u64) << 14
            | (self.crn() as u64) << 10
            | (self.crm() as u64) << 1;
        if esr & ISS & !RT == iss {
            Some((esr >> 5) as u8 & 31)
        } else {
            None
        }
    }

    /// The encoding as one number, every value of which is a register.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The register of that number.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The field op0.
    #[must_use]
    #[inline]
    pub const fn op0(self) -> u8 {
        (self.0 >> 14) as u8 & 3
    }

    /// The field op1.
    #[must_use]
    #[inline]
    pub const fn op1(self) -> u8 {
        (self.0 >> 11) as u8 & 7
    }

    /// The field CRn.
    #[must_use]
    #[inline]
    pub const fn crn(self) -> u8 {
        (self.0 >> 7) as u8 & 15
    }

    /// The field CRm.
    #[must_use]
    #[inline]
    pub const fn crm(self) -> u8 {
        (self.0 >> 3) as u8 & 15
    }

    /// The field op2.
    #[must_use]
    #[inline]
    pub const fn op2(self) -> u8 {
        self.0 as u8 & 7
    }
}

impl fmt::Display for SysReg {
    /// The generic name, which every assembler takes: `S3_3_C14_C2_1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "S{}_{}_C{}_C{}_{}",
            self.op0(),
            self.op1(),
            self.crn(),
            self.crm(),
            self.op2()
        )
    }
}

impl fmt::Debug for SysReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn a_register_prints_its_generic_name() {
        assert_eq!(format!("{}", SysReg::new(3, 3, 14, 2, 1)), "S3_3_C14_C2_1");
        assert_eq!(
            format!("{:?}", SysReg::new(1, 0, 7, 14, 2)),
            "S1_0_C7_C14_2"
        );
    }

    #[test]
    fn the_fields_lie_as_in_the_instruction() {
        // d53be02x: mrs xN, cntfrq_el0; bits 20:5 of the instruction word.
        assert_eq!(
            SysReg::new(3, 3, 14, 0, 0).bits(),
            (0xd53b_e000u32 >> 5) as u16
        );
    }

    #[test]
    fn a_write_is_known_by_its_syndrome_and_names_its_register() {
        // msr S3_0_C12_C11_5, x9 (ICC_SGI1R_EL1).
        let reg = SysReg::new(3, 0, 12, 11, 5);
        let iss = 3 << 20 | 5 << 17 | 12 << 10 | 9 << 5 | 11 << 1;
        let esr = 0x18 << 26 | 1 << 25 | iss;
        assert_eq!(SysReg::from_iss(iss as u32), reg);
        assert_eq!(reg.written_by(esr), Some(9));
        assert_eq!(reg.written_by(esr | 1), None);
        assert_eq!(SysReg::new(3, 0, 12, 11, 7).written_by(esr), None);
    }

    #[test]
    fn fields_that_are_too_wide_are_cut_and_do_not_spill() {
        assert_eq!(SysReg::new(7, 15, 31, 31, 15), SysReg::new(3, 7, 15, 15, 7));
    }

    #[test]
    fn every_number_is_the_register_of_its_fields() {
        for bits in 0..=u16::MAX {
            let reg = SysReg::from_bits(bits);
            let (op0, op1, crn, crm, op2) = (reg.op0(), reg.op1(), reg.crn(), reg.crm(), reg.op2());
            assert_eq!(SysReg::new(op0, op1, crn, crm, op2).bits(), bits);
        }
    }
}
