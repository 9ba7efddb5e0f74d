//! Which instructions are executed with interrupts masked, and how many in a row.
//!
//! A core's interrupts are masked from an exception's entry, or the instruction that masks them, to the one that unmasks
//! them or returns from the exception. What a core does before it has first unmasked them, and whatever is done before
//! the first return from an exception, which enters the first guest, is the boot: nobody's interrupts wait there.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The most cores of a machine.
pub const CORES: usize = 8;

/// Bit I of PSTATE, where DAIF shows it (Arm ARM C5.2.3).
const DAIF_I: u64 = 1 << 7;

/// What an instruction does to the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Masks,
    Unmasks,
    /// It writes DAIF from this register; 31 is zero.
    Writes(u8),
    /// It is the first of an exception's handler.
    Enters,
    /// It returns from an exception.
    Returns,
}

impl Kind {
    /// Of the instruction with encoding `opcode` at `address`, where `vectors` is the base of EL2's vector table (2 KiB, an
    /// entry each 128 bytes).
    pub fn of(opcode: u32, address: u64, vectors: u64) -> Self {
        const ERET: u32 = 0xd69f_03e0;
        // MSR DAIFSet/DAIFClr, #imm4: CRm in bits 11:8, of which bit 1 is I (Arm ARM C6.2, MSR (immediate)).
        const IMMEDIATE: u32 = 0xffff_f0ff;
        const DAIFSET: u32 = 0xd503_40df;
        const DAIFCLR: u32 = 0xd503_40ff;
        const IMMEDIATE_I: u32 = 1 << 9;
        const MSR_DAIF: u32 = 0xd51b_4220;
        let touches_irq = opcode & IMMEDIATE_I != 0;
        if opcode == ERET {
            Self::Returns
        } else if opcode & IMMEDIATE == DAIFSET && touches_irq {
            Self::Masks
        } else if opcode & IMMEDIATE == DAIFCLR && touches_irq {
            Self::Unmasks
        } else if opcode & !0x1f == MSR_DAIF {
            Self::Writes((opcode & 0x1f) as u8)
        } else if address.wrapping_sub(vectors) < 0x800 && address.is_multiple_of(0x80) {
            Self::Enters
        } else {
            Self::Plain
        }
    }

    /// For [`Writes`](Self::Writes): what the write of `value` does.
    pub fn of_write(value: u64) -> Self {
        if value & DAIF_I == 0 {
            Self::Unmasks
        } else {
            Self::Masks
        }
    }
}

/// Where a core is.
#[derive(Clone, Copy, Default)]
struct Core {
    /// It has had its interrupts unmasked once.
    up: bool,
    /// Where they were masked, and how many instructions ago, if they are.
    masked: Option<(u64, u64)>,
}

/// Everything seen so far.
#[derive(Default)]
pub struct Watch {
    cores: [Core; CORES],
    /// A guest has been entered.
    begun: bool,
    /// By first and last instruction.
    longest: BTreeMap<(u64, u64), Longest>,
}

/// Of one kind of stretch.
#[derive(Clone, Copy, Default)]
struct Longest {
    max: u64,
    count: u64,
}

impl Watch {
    /// `core` executes the instruction at `address`.
    pub fn step(&mut self, core: usize, address: u64, kind: Kind) {
        let Some(core) = self.cores.get_mut(core) else {
            return;
        };
        if let Some((_, length)) = &mut core.masked {
            *length += 1;
        }
        match kind {
            Kind::Plain | Kind::Writes(_) => {}
            Kind::Masks if core.masked.is_none() => core.masked = Some((address, 0)),
            Kind::Enters if core.masked.is_none() => core.masked = Some((address, 1)),
            Kind::Masks | Kind::Enters => {}
            Kind::Unmasks | Kind::Returns => {
                let ended = core.masked.take().filter(|_| core.up && self.begun);
                core.up = true;
                self.begun |= kind == Kind::Returns;
                if let Some((first, length)) = ended {
                    let longest = self.longest.entry((first, address)).or_default();
                    longest.max = longest.max.max(length);
                    longest.count += 1;
                }
            }
        }
    }

    /// A line for each kind of stretch, `first last max count`, addresses in hexadecimal, the longest first.
    pub fn report(&self) -> String {
        let mut kinds: Vec<_> = self.longest.iter().collect();
        kinds.sort_by_key(|(place, longest)| (std::cmp::Reverse(longest.max), **place));
        let mut text = String::new();
        for ((first, last), Longest { max, count }) in kinds {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{first:#x} {last:#x} {max} {count}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: u64 = 0x4008_0800;

    #[test]
    fn instructions_are_known_by_what_they_do_to_the_mask() {
        for (opcode, address, kind) in [
            (0xd69f_03e0, 0x1000, Kind::Returns),
            (0xd503_42df, 0x1000, Kind::Masks),
            (0xd503_4fdf, 0x1000, Kind::Masks),
            // Only A, D or F.
            (0xd503_44df, 0x1000, Kind::Plain),
            (0xd503_42ff, 0x1000, Kind::Unmasks),
            (0xd503_41ff, 0x1000, Kind::Plain),
            (0xd51b_4236, 0x1000, Kind::Writes(22)),
            // Reads it.
            (0xd53b_4236, 0x1000, Kind::Plain),
            (0xa900_07e0, VECTORS + 0x480, Kind::Enters),
            (0xa900_07e0, VECTORS + 0x484, Kind::Plain),
            (0xa900_07e0, VECTORS + 0x800, Kind::Plain),
        ] {
            assert_eq!(Kind::of(opcode, address, VECTORS), kind, "{opcode:#x}");
        }
        assert_eq!(Kind::of_write(0x3c0), Kind::Masks);
        assert_eq!(Kind::of_write(0x340), Kind::Unmasks);
    }

    /// Boots two cores: they have unmasked once, and a guest was entered.
    fn booted() -> Watch {
        let mut watch = Watch::default();
        for core in 0..2 {
            watch.step(core, 0x10, Kind::Masks);
            watch.step(core, 0x14, Kind::Returns);
        }
        assert_eq!(watch.report(), "");
        watch
    }

    #[test]
    fn a_stretch_is_counted_from_behind_what_masks_to_what_unmasks() {
        let mut watch = booted();
        watch.step(0, 0x100, Kind::Masks);
        watch.step(0, 0x104, Kind::Plain);
        // Once more changes nothing, nor does an exception.
        watch.step(0, 0x108, Kind::Masks);
        watch.step(0, 0x80, Kind::Enters);
        watch.step(0, 0x110, Kind::Unmasks);
        watch.step(0, 0x114, Kind::Plain);
        assert_eq!(watch.report(), "0x100 0x110 4 1\n");
    }

    #[test]
    fn an_exception_is_counted_with_its_first_instruction() {
        let mut watch = booted();
        watch.step(0, 0x80, Kind::Enters);
        watch.step(0, 0x84, Kind::Plain);
        watch.step(0, 0x88, Kind::Returns);
        assert_eq!(watch.report(), "0x80 0x88 3 1\n");
    }

    #[test]
    fn each_core_counts_its_own_and_the_longest_are_first() {
        let mut watch = booted();
        watch.step(0, 0x100, Kind::Masks);
        watch.step(1, 0x200, Kind::Masks);
        watch.step(1, 0x204, Kind::Plain);
        watch.step(0, 0x104, Kind::Unmasks);
        watch.step(1, 0x208, Kind::Unmasks);
        watch.step(0, 0x100, Kind::Masks);
        watch.step(0, 0x104, Kind::Unmasks);
        // No such core.
        watch.step(CORES, 0x300, Kind::Masks);
        assert_eq!(watch.report(), "0x200 0x208 2 1\n0x100 0x104 1 2\n");
    }

    #[test]
    fn the_boot_is_not_counted_of_the_machine_nor_of_a_core() {
        let mut watch = Watch::default();
        watch.step(0, 0x10, Kind::Masks);
        watch.step(0, 0x14, Kind::Unmasks);
        // Before the first guest.
        watch.step(0, 0x20, Kind::Masks);
        watch.step(0, 0x24, Kind::Returns);
        // Another core comes.
        watch.step(1, 0x30, Kind::Masks);
        watch.step(1, 0x34, Kind::Unmasks);
        assert_eq!(watch.report(), "");
        watch.step(1, 0x30, Kind::Masks);
        watch.step(1, 0x34, Kind::Unmasks);
        assert_eq!(watch.report(), "0x30 0x34 1 1\n");
    }
}
