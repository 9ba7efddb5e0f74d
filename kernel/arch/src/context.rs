//! What a vCPU consists of while it is not running: its register contexts, and the frame of an EL2 fault.
//!
//! The layouts are shared with the vectors' assembly, which is why they are `repr(C)` and their offsets
//! are checked below. Saving and restoring is in `switch`.

use core::mem::{offset_of, size_of};

/// Why the guest stopped (the second argument of `caesura_exit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ExitKind {
    /// Synchronous exception from AArch64: read ESR_EL2 before interrupts are unmasked.
    Sync = 0,
    /// A physical interrupt arrived.
    Irq = 1,
    /// A physical fast interrupt arrived; nothing is configured to raise one.
    Fiq = 2,
    /// A physical SError arrived.
    SError = 3,
    /// As [`ExitKind::Sync`], from an AArch32 EL0.
    Sync32 = 4,
    /// As [`ExitKind::Irq`], from an AArch32 EL0.
    Irq32 = 5,
    /// As [`ExitKind::Fiq`], from an AArch32 EL0.
    Fiq32 = 6,
    /// As [`ExitKind::SError`], from an AArch32 EL0.
    SError32 = 7,
}

impl ExitKind {
    /// The kind behind the hook's argument; values the vectors never produce read as [`ExitKind::SError32`].
    #[must_use]
    pub const fn from_raw(kind: u64) -> ExitKind {
        match kind {
            0 => ExitKind::Sync,
            1 => ExitKind::Irq,
            2 => ExitKind::Fiq,
            3 => ExitKind::SError,
            4 => ExitKind::Sync32,
            5 => ExitKind::Irq32,
            6 => ExitKind::Fiq32,
            _ => ExitKind::SError32,
        }
    }
}

/// What every exit saves and every entry restores. While the guest runs SP_EL2 points at it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct GuestContext {
    /// x0 to x30.
    pub x: [u64; 31],
    /// Where it continues (ELR_EL2).
    pub pc: u64,
    /// Its PSTATE in the layout of SPSR_EL2 (Arm ARM C5.2.19).
    pub pstate: u64,
    reserved: u64,
}

/// PSTATE at reset of an AArch64 EL1: EL1h, D, A, I and F masked (Arm ARM D1.9.1).
pub const PSTATE_RESET: u64 = 0x3c5;

impl GuestContext {
    /// All zero: not to be entered before [`GuestContext::reset`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            x: [0; 31],
            pc: 0,
            pstate: PSTATE_RESET,
            reserved: 0,
        }
    }

    /// The state in which a vCPU starts: at `entry`, x0 = `x0`, every other register zero.
    pub fn reset(&mut self, entry: u64, x0: u64) {
        *self = Self::new();
        self.x[0] = x0;
        self.pc = entry;
    }

    /// Register `n` as an instruction's operand: 31 is the zero register.
    #[must_use]
    pub fn get(&self, n: u8) -> u64 {
        self.x.get(usize::from(n)).copied().unwrap_or(0)
    }

    /// Writes register `n`; a write to 31 is discarded.
    pub fn set(&mut self, n: u8, value: u64) {
        if let Some(x) = self.x.get_mut(usize::from(n)) {
            *x = value;
        }
    }

    /// Goes on behind the trapped instruction. `instruction_32bit` is ESR_EL2.IL (false only for a 16-bit
    /// T32 instruction of an AArch32 EL0).
    pub fn skip(&mut self, instruction_32bit: bool) {
        let length = if instruction_32bit { 4 } else { 2 };
        self.pc = self.pc.wrapping_add(length);
    }
}

impl Default for GuestContext {
    fn default() -> Self {
        Self::new()
    }
}

const _: () = assert!(offset_of!(GuestContext, x) == 0);
const _: () = assert!(offset_of!(GuestContext, pc) == 248);
const _: () = assert!(offset_of!(GuestContext, pstate) == 256);
const _: () = assert!(size_of::<GuestContext>() == 272);

/// EL1 and EL0 system registers, switched when another vCPU takes the core.
///
/// What is not here is either trapped (see `traps`) or has the same value for every guest.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(
    missing_docs,
    reason = "each field is named after its register, Arm ARM D19"
)]
pub struct SysContext {
    pub sp_el0: u64,
    pub sp_el1: u64,
    pub elr_el1: u64,
    pub spsr_el1: u64,
    pub sctlr_el1: u64,
    pub ttbr0_el1: u64,
    pub ttbr1_el1: u64,
    pub tcr_el1: u64,
    pub mair_el1: u64,
    pub amair_el1: u64,
    pub vbar_el1: u64,
    pub esr_el1: u64,
    pub far_el1: u64,
    pub afsr0_el1: u64,
    pub afsr1_el1: u64,
    pub par_el1: u64,
    pub tpidr_el0: u64,
    pub tpidrro_el0: u64,
    pub tpidr_el1: u64,
    pub contextidr_el1: u64,
    pub cpacr_el1: u64,
    pub cntkctl_el1: u64,
    pub mdscr_el1: u64,
    pub csselr_el1: u64,
    /// What the guest sees as DISR_EL1 where there is RAS; unused elsewhere.
    pub vdisr_el2: u64,
}

/// SCTLR_EL1 at reset: the bits that are RES1 without optional features: LSMAOE 29, nTLSMD 28, SPAN 23,
/// EIS 22, TSCXT 20, EOS 11 (Arm ARM D19.2.129); MMU and caches off, little endian.
pub const SCTLR_EL1_RESET: u64 = 0x30d0_0800;

impl SysContext {
    /// The state in which a vCPU starts: MMU off; what the architecture leaves unknown is zero, so that
    /// nothing of an earlier guest shows.
    #[must_use]
    pub const fn reset() -> Self {
        Self {
            sp_el0: 0,
            sp_el1: 0,
            elr_el1: 0,
            spsr_el1: 0,
            sctlr_el1: SCTLR_EL1_RESET,
            ttbr0_el1: 0,
            ttbr1_el1: 0,
            tcr_el1: 0,
            mair_el1: 0,
            amair_el1: 0,
            vbar_el1: 0,
            esr_el1: 0,
            far_el1: 0,
            afsr0_el1: 0,
            afsr1_el1: 0,
            par_el1: 0,
            tpidr_el0: 0,
            tpidrro_el0: 0,
            tpidr_el1: 0,
            contextidr_el1: 0,
            cpacr_el1: 0,
            cntkctl_el1: 0,
            mdscr_el1: 0,
            csselr_el1: 0,
            vdisr_el2: 0,
        }
    }
}

impl Default for SysContext {
    fn default() -> Self {
        Self::reset()
    }
}

/// FP and SIMD registers; EL2 itself never uses them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct FpContext {
    /// q0 to q31.
    pub q: [u128; 32],
    /// Floating-point control register.
    pub fpcr: u64,
    /// Floating-point status register.
    pub fpsr: u64,
}

impl FpContext {
    /// The state in which a vCPU starts: all zero.
    #[must_use]
    pub const fn reset() -> Self {
        Self {
            q: [0; 32],
            fpcr: 0,
            fpsr: 0,
        }
    }
}

impl Default for FpContext {
    fn default() -> Self {
        Self::reset()
    }
}

const _: () = assert!(offset_of!(FpContext, fpcr) == 512);
const _: () = assert!(offset_of!(FpContext, fpsr) == 520);

/// A fault of EL2 itself, complete.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct FaultFrame {
    /// x0 to x30.
    pub x: [u64; 31],
    /// The stack pointer at the fault.
    pub sp: u64,
    /// The instruction that faulted, or the next one for an asynchronous exception.
    pub elr: u64,
    /// PSTATE at the fault.
    pub spsr: u64,
    /// Syndrome.
    pub esr: u64,
    /// Faulting virtual address, when the syndrome says it is valid.
    pub far: u64,
    /// Stage 2 fault address register; of the last guest fault, usually.
    pub hpfar: u64,
    /// Which of the sixteen vectors: see [`FaultFrame::vector_name`].
    pub vector: u64,
}

impl FaultFrame {
    /// The vector in words.
    #[must_use]
    pub const fn vector_name(&self) -> &'static str {
        match self.vector {
            0 => "synchronous exception on SP_EL0",
            1 => "IRQ on SP_EL0",
            2 => "FIQ on SP_EL0",
            3 => "SError on SP_EL0",
            4 => "synchronous exception",
            5 => "unexpected IRQ",
            6 => "unexpected FIQ",
            7 => "SError",
            _ => "unknown vector",
        }
    }
}

const _: () = assert!(offset_of!(FaultFrame, sp) == 248);
const _: () = assert!(offset_of!(FaultFrame, vector) == 296);
const _: () = assert!(size_of::<FaultFrame>() == 304);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_31_reads_zero_and_swallows_writes() {
        let mut context = GuestContext::new();
        context.x = [7; 31];
        context.set(31, 1);
        assert_eq!(context.get(31), 0);
        assert_eq!(context.x, [7; 31]);
        context.set(30, 9);
        assert_eq!(context.get(30), 9);
    }

    #[test]
    fn reset_leaves_nothing_of_the_former_guest() {
        let mut context = GuestContext::new();
        context.x = [0xdead; 31];
        context.pstate = 0;
        context.reset(0x4008_0000, 0x4800_0000);
        assert_eq!(context.pc, 0x4008_0000);
        assert_eq!(context.pstate, PSTATE_RESET);
        assert_eq!(context.x[0], 0x4800_0000);
        assert!(context.x.iter().skip(1).all(|&x| x == 0));
    }

    #[test]
    fn a_16_bit_instruction_is_skipped_by_two() {
        let mut context = GuestContext::new();
        context.pc = 0x1000;
        context.skip(false);
        assert_eq!(context.pc, 0x1002);
        context.skip(true);
        assert_eq!(context.pc, 0x1006);
    }

    #[test]
    fn exit_kinds_survive_the_trip_through_a_register() {
        for kind in 0..8 {
            assert_eq!(ExitKind::from_raw(kind) as u64, kind);
        }
    }
}
