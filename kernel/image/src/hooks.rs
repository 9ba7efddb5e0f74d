//! The names that `arch` calls, and the data its entry code reads.

use arch::{BootInfo, ExitKind, FaultFrame, GuestContext};

use crate::config::BOARD;
use crate::platform::IrqGuard;
use crate::quick::{self, Quick};
use crate::run::{self, Next};
use crate::vcpu::Vcpu;
use crate::{boot, exit, fault, hw, irq};

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
            Quick::Answered => return leave(vcpu, guest, left, Next::Resume),
            Quick::No => {}
        }
    } else if kind == ExitKind::Irq as u64 {
        // SAFETY: as above.
        match unsafe { IrqGuard::assume(|irq| quick::interrupt(irq, vcpu)) } {
            Quick::Done => {
                vcpu.brief_stay(arch::timer::now().wrapping_sub(left));
                return guest;
            }
            Quick::Answered | Quick::No => return leave(vcpu, guest, left, Next::Resume),
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
    leave(vcpu, guest, left, next)
}

/// The way out: who is entered.
#[inline]
fn leave(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    left: u64,
    next: Next,
) -> *mut GuestContext {
    // SAFETY: masked since the exception, or again since `with_interrupts`; unmasks nothing.
    let same = unsafe { IrqGuard::assume(|irq| run::leave(irq, vcpu, left, next)) };
    if same { guest } else { run::switch() }
}

/// An interrupt was taken while EL2 ran.
#[unsafe(no_mangle)]
extern "C" fn caesura_irq() {
    // SAFETY: exceptions mask interrupts, and the handlers unmask nothing.
    unsafe { IrqGuard::assume(irq::handle_all) };
}

/// EL2 itself has failed.
#[unsafe(no_mangle)]
extern "C" fn caesura_fault(frame: &FaultFrame) -> ! {
    fault::report(frame)
}

/// Enters the first guest of this core; interrupts are masked.
pub fn enter_guests() -> ! {
    let guest = run::switch();
    // SAFETY: `switch` put this guest's registers on the core; nothing on this stack is needed again.
    unsafe { arch::switch::enter(guest) }
}
