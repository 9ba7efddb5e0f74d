//! The names that `arch` calls, and the data its entry code reads.

use arch::{BootInfo, ExitKind, FaultFrame, GuestContext};
use preempt::Model as _;

use crate::config::BOARD;
use crate::leave::{self, Left, Next};
use crate::platform::{IrqGuard, Model};
use crate::quick::{self, Quick};
use crate::vcpu::Vcpu;
use crate::watch::{self, Doing};
use crate::{boot, exit, fault, hw, irq, sections, switch, thread};

/// What the entry code must know before any table is read.
// SAFETY: the one definition of this symbol, of the type that `arch` documents.
#[unsafe(no_mangle)]
static CAESURA_BOOT: BootInfo = BootInfo::from_board(&BOARD);

/// The boot core comes from the entry code, MMU off.
// SAFETY: the one definition of this symbol, with the signature that `arch` documents; likewise below.
#[unsafe(no_mangle)]
extern "C" fn caesura_main(dtb: usize, _mpidr: u64) -> ! {
    boot::primary(dtb as u64)
}

/// Another core comes from the entry code, MMU on.
#[unsafe(no_mangle)]
extern "C" fn caesura_secondary(cpu: usize) -> ! {
    boot::secondary(cpu)
}

/// A guest was left; returns the registers of the guest to enter.
#[unsafe(no_mangle)]
extern "C" fn caesura_exit(guest: &mut GuestContext, kind: u64) -> *mut GuestContext {
    sections::exception("exit");
    let next = exited(guest, kind);
    sections::irqs_on();
    next
}

#[inline(always)]
fn exited(guest: &mut GuestContext, kind: u64) -> *mut GuestContext {
    let left = arch::timer::now();
    // SAFETY: exceptions mask interrupts, and the section unmasks nothing.
    let vcpu = unsafe { IrqGuard::assume(|irq| crate::cores::local(irq).loaded.get()) };
    let Some(vcpu) = vcpu else {
        fault::die(format_args!(
            "an exit from a guest on a core that runs none"
        ))
    };
    if kind == ExitKind::Sync as u64 {
        // SAFETY: as above.
        match unsafe { IrqGuard::assume(|irq| quick::handle(irq, vcpu, guest)) } {
            Quick::Done => {
                vcpu.brief_stay(arch::timer::now().wrapping_sub(left));
                return guest;
            }
            Quick::Answered => return answered(vcpu, guest, left),
            Quick::No => {}
        }
    } else if kind == ExitKind::Irq as u64 {
        // SAFETY: as above.
        match unsafe { IrqGuard::assume(|irq| quick::interrupt(irq, vcpu)) } {
            Quick::Done => {
                vcpu.brief_stay(arch::timer::now().wrapping_sub(left));
                return guest;
            }
            Quick::Answered | Quick::No => return answered(vcpu, guest, left),
        }
    }
    general(vcpu, guest, kind, left)
}

/// An exit that is not for [`quick`].
#[inline(never)]
fn general(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    kind: u64,
    left: u64,
) -> *mut GuestContext {
    if Model::THREADS {
        // What may be preempted is booked before it begins. SAFETY: as above.
        unsafe { IrqGuard::assume(|irq| vcpu.left_guest(irq, left)) };
    }
    // SAFETY: as above.
    unsafe { IrqGuard::assume(|irq| watch::pass(irq, Doing::Work(vcpu.entity.id.0))) };
    let next = match ExitKind::from_raw(kind) {
        ExitKind::Sync | ExitKind::Sync32 => {
            let syndrome = exit::Syndrome::read(guest);
            hw::with_interrupts(|| exit::handle(vcpu, guest, &syndrome))
        }
        ExitKind::Irq | ExitKind::Irq32 => {
            // SAFETY: as above.
            unsafe { IrqGuard::assume(irq::handle_all) };
            Next::Resume
        }
        ExitKind::SError | ExitKind::SError32 => exit::serror(vcpu),
        ExitKind::Fiq | ExitKind::Fiq32 => {
            log::warn!("a fast interrupt, which nobody enabled");
            Next::Resume
        }
    };
    // SAFETY: masked again since `with_interrupts`; unmasks nothing.
    let left = unsafe {
        if Model::THREADS {
            IrqGuard::assume(|irq| leave::leave_booked(irq, vcpu, next))
        } else {
            IrqGuard::assume(|irq| leave::leave(irq, vcpu, left, next))
        }
    };
    entered(vcpu, guest, left)
}

/// The way out of a quick exit: who is entered.
#[inline]
fn answered(vcpu: &'static Vcpu, guest: &mut GuestContext, left: u64) -> *mut GuestContext {
    // SAFETY: masked since the exception; unmasks nothing.
    let left = unsafe {
        IrqGuard::assume(|irq| {
            leave::refresh_fresh(irq, vcpu);
            leave::leave(irq, vcpu, left, Next::Resume)
        })
    };
    entered(vcpu, guest, left)
}

/// Who is entered, the exit having been `left`.
#[inline]
fn entered(vcpu: &'static Vcpu, guest: &mut GuestContext, mut left: Left) -> *mut GuestContext {
    loop {
        match left {
            Left::Same => return guest,
            Left::Others => return others(),
            Left::More => {
                // It is booked as what EL2 does for the vCPU, which may be left in the middle here.
                hw::with_interrupts(|| ());
                left = IrqGuard::with(|irq| leave::leave_on(irq, vcpu));
            }
        }
    }
}

/// Somebody else is entered, perhaps. Where vCPUs have stacks of their own, this one's is left behind before another core
/// can take it up.
#[inline]
fn others() -> *mut GuestContext {
    if Model::THREADS {
        // SAFETY: the exit is dealt with; nothing on its stack is needed again.
        unsafe { arch::thread::begin_core(core_context) }
    }
    switch::switch()
}

/// A core's own context: who runs here next.
pub extern "C" fn core_context() -> ! {
    enter_guests()
}

/// A vCPU's thread begins: its VM is to be loaded.
pub extern "C" fn load_context() -> ! {
    switch::load_on_thread();
    // SAFETY: the loading is over, or given up; nothing on this stack is needed again.
    unsafe { arch::thread::begin_core(core_context) }
}

/// A worker's thread begins.
pub extern "C" fn worker_context() -> ! {
    crate::worker::main()
}

/// What runs here is due, outside every section.
// SAFETY: as for `caesura_main`.
#[unsafe(no_mangle)]
extern "C" fn caesura_preempt() {
    loop {
        let saved = arch::cpu::irq_mask();
        sections::irqs_off();
        thread::preempt();
        sections::irqs_on();
        // SAFETY: matches the mask above, on the same thread; the section is over.
        unsafe { arch::cpu::irq_restore(saved) };
        if !arch::cpu::is_due() {
            return;
        }
    }
}

/// An interrupt was taken while EL2 ran.
#[unsafe(no_mangle)]
extern "C" fn caesura_irq() {
    sections::exception("irq-in-el2");
    // SAFETY: exceptions mask interrupts, and `interrupted` does not unmask them.
    let due = unsafe { IrqGuard::assume(interrupted) };
    if due {
        thread::preempt();
    }
    sections::irqs_on();
}

/// Handles what interrupted EL2; whether the core is to be given away if it is wanted, as it may be where EL2 can be
/// preempted.
fn interrupted(irq: &IrqGuard) -> bool {
    irq::handle_all(irq);
    if !Model::THREADS || !crate::cores::has_work(irq) {
        return false;
    }
    crate::cores::due_if_preemptible(irq);
    arch::cpu::is_due()
}

/// EL2 itself has failed.
#[unsafe(no_mangle)]
extern "C" fn caesura_fault(frame: &FaultFrame) -> ! {
    fault::report(frame)
}

/// Enters the first guest of this core; interrupts are masked.
pub fn enter_guests() -> ! {
    let guest = switch::switch();
    sections::irqs_on();
    // SAFETY: `switch` put this guest's registers on the core; nothing on this stack is needed again.
    unsafe { arch::switch::enter(guest) }
}
