//! Exceptions: interrupts go to the program's handler, expected faults are noted, others end the program.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{cpu, gic, report};
use crate::println;

/// Registers at the time of the exception, as the vectors store them.
#[repr(C)]
#[derive(Debug)]
pub struct Frame {
    /// x0 to x30.
    pub x: [u64; 31],
    /// Where it happened.
    pub elr: u64,
    /// The state it happened in.
    pub spsr: u64,
    /// Why.
    pub esr: u64,
    /// At which address, for aborts.
    pub far: u64,
    /// The virtual counter at the vector's third instruction.
    pub count: u64,
}

/// What is known about a fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// ESR_EL1.
    pub esr: u64,
    /// FAR_EL1.
    pub far: u64,
    /// ELR_EL1.
    pub elr: u64,
}

impl Fault {
    /// Exception class.
    #[must_use]
    pub const fn class(&self) -> u64 {
        self.esr >> 26
    }
}

const NO_FAULT: u64 = u64::MAX;

struct PerCpu {
    expecting: AtomicBool,
    esr: AtomicU64,
    far: AtomicU64,
    elr: AtomicU64,
}

static CPUS: [PerCpu; 8] = [const {
    PerCpu {
        expecting: AtomicBool::new(false),
        esr: AtomicU64::new(NO_FAULT),
        far: AtomicU64::new(0),
        elr: AtomicU64::new(0),
    }
}; 8];

/// The program's interrupt handler: `fn(intid, &Frame)`, 0 for none.
static HANDLER: AtomicUsize = AtomicUsize::new(0);
/// Whether the handler does everything itself, acknowledging included.
static RAW: AtomicBool = AtomicBool::new(false);

/// What is called on the way back from an interrupt: `fn(&mut Frame)`, 0 for nothing.
static ON_RETURN: AtomicUsize = AtomicUsize::new(0);

/// Calls `handler` for every acknowledged interrupt; its end is signalled after it returns.
pub fn on_interrupt(handler: fn(u32, &Frame)) {
    RAW.store(false, Ordering::Relaxed);
    HANDLER.store(handler as usize, Ordering::Release);
}

/// Calls `handler` for every interrupt, with intid 1023: acknowledging is up to it.
pub fn on_interrupt_raw(handler: fn(u32, &Frame)) {
    RAW.store(true, Ordering::Relaxed);
    HANDLER.store(handler as usize, Ordering::Release);
}

/// Calls `change` on the way back from every interrupt, with the registers that are about to be restored: what it changes
/// is what the interrupted program finds. For programs that play a guest's scheduler.
pub fn on_return(change: fn(&mut Frame)) {
    ON_RETURN.store(change as usize, Ordering::Release);
}

/// Runs `action` with faults expected: each is noted and its instruction skipped (after a fault in fetching an
/// instruction, execution continues at the caller). Returns the last fault.
pub fn catch(action: impl FnOnce()) -> Option<Fault> {
    let cpu = CPUS.get(cpu::index())?;
    cpu.esr.store(NO_FAULT, Ordering::Relaxed);
    cpu.expecting.store(true, Ordering::SeqCst);
    action();
    cpu::barrier();
    cpu.expecting.store(false, Ordering::SeqCst);
    match cpu.esr.load(Ordering::Relaxed) {
        NO_FAULT => None,
        esr => Some(Fault {
            esr,
            far: cpu.far.load(Ordering::Relaxed),
            elr: cpu.elr.load(Ordering::Relaxed),
        }),
    }
}

/// Called by the vectors.
#[unsafe(no_mangle)]
extern "C" fn exception(frame: &mut Frame, vector: u64) {
    match vector & 3 {
        0 => synchronous(frame),
        1 => {
            interrupt(frame);
            let change = ON_RETURN.load(Ordering::Acquire);
            if change != 0 {
                // SAFETY: `ON_RETURN` holds 0 or what `on_return` stored: a function of this type.
                let change: fn(&mut Frame) = unsafe { core::mem::transmute(change) };
                change(frame);
            }
        }
        _ => {
            println!("unexpected exception, vector {vector}");
            die(frame);
        }
    }
}

fn interrupt(frame: &Frame) {
    let handler = HANDLER.load(Ordering::Acquire);
    let raw = RAW.load(Ordering::Relaxed);
    if handler == 0 {
        println!("interrupt without a handler");
        die(frame);
    }
    // SAFETY: `HANDLER` holds 0 or what `on_interrupt…` stored: a function of this type.
    let handler: fn(u32, &Frame) = unsafe { core::mem::transmute(handler) };
    if raw {
        handler(1023, frame);
        return;
    }
    let iar = gic::acknowledge();
    let intid = iar & 0x3ff;
    if intid < 1020 {
        handler(intid, frame);
        gic::end(iar);
    }
}

fn synchronous(frame: &mut Frame) {
    let expected = CPUS
        .get(cpu::index())
        .filter(|cpu| cpu.expecting.load(Ordering::SeqCst));
    let Some(cpu) = expected else { die(frame) };
    cpu.esr.store(frame.esr, Ordering::Relaxed);
    cpu.far.store(frame.far, Ordering::Relaxed);
    cpu.elr.store(frame.elr, Ordering::Relaxed);
    // 0x20, 0x21: instruction aborts. 0x15, 0x16, 0x17: SVC, HVC, SMC are past the instruction already.
    match frame.esr >> 26 {
        0x20 | 0x21 => frame.elr = frame.x[30],
        0x15..=0x17 => {}
        _ => frame.elr = frame.elr.wrapping_add(4),
    }
}

fn die(frame: &Frame) -> ! {
    println!(
        "CRASH cpu {} esr {:#x} elr {:#x} far {:#x} spsr {:#x} lr {:#x}",
        cpu::index(),
        frame.esr,
        frame.elr,
        frame.far,
        frame.spsr,
        frame.x[30]
    );
    report::crash()
}
