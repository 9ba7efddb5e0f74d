//! Why a guest was left, and what is done about it. Runs with interrupts enabled; what must not be interrupted
//! says so with a section or a lock.
//!
//! Every exit has an answer: emulate and move on, or inject the exception that the architecture prescribes. Nothing a
//! guest does ends in an error of EL2.

use arch::GuestContext;
use arch::exception::Sync;
use trap::{Exit, Fault, Feature};

use crate::leave::Next;
use crate::life::{self, Reason};
use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::{calls, memory, mmio, sysreg};

/// What the core said about a synchronous exit, read before another exception overwrites it.
pub struct Syndrome {
    /// ESR_EL2.
    pub esr: u64,
    /// FAR_EL2.
    pub far: u64,
    /// HPFAR_EL2.
    hpfar: u64,
    /// The guest physical address of an abort that the registers do not say.
    translated: Option<u64>,
}

impl Syndrome {
    /// Reads the registers; interrupts are masked.
    #[inline(always)]
    pub fn read(guest: &GuestContext) -> Self {
        let esr = arch::guest::esr();
        let class = trap::class(esr);
        let mut syndrome = Self {
            esr,
            far: 0,
            hpfar: 0,
            translated: None,
        };
        if class == trap::ec::DATA_ABORT_LOWER || class == trap::ec::INSTRUCTION_ABORT_LOWER {
            syndrome.far = arch::guest::far();
            syndrome.hpfar = arch::guest::hpfar();
            syndrome.translated = arch::guest::fault_ipa(guest, esr);
        }
        syndrome
    }

    /// Whether the instruction has 32 bits (ESR_EL2.IL).
    pub const fn is_32bit(&self) -> bool {
        self.esr & 1 << 25 != 0
    }
}

/// Handles a synchronous exit.
pub fn handle(vcpu: &'static Vcpu, guest: &mut GuestContext, syndrome: &Syndrome) -> Next {
    let skip = |guest: &mut GuestContext| guest.skip(syndrome.is_32bit());
    match trap::decode(syndrome.esr, syndrome.far, syndrome.hpfar) {
        Exit::Hvc { imm } => calls::handle(vcpu, guest, imm),
        Exit::SysReg(access) => {
            sysreg::handle(vcpu, guest, access, syndrome);
            Next::Resume
        }
        Exit::DataAbort(abort) => {
            let ipa = abort.ipa.or(syndrome.translated);
            mmio::handle(vcpu, guest, &abort, ipa, syndrome);
            Next::Resume
        }
        Exit::Wfx(wait) => {
            skip(guest);
            match (wait.event, wait.until) {
                (false, None) => Next::Wait,
                // A limited wait may end at once; nobody is told of it, so nobody relies on it.
                _ => Next::Yield,
            }
        }
        Exit::Smc { imm } => {
            // A trapped SMC's return address is the SMC itself.
            skip(guest);
            calls::handle(vcpu, guest, imm)
        }
        Exit::InstructionAbort(abort) => instruction_abort(vcpu, guest, &abort, syndrome),
        Exit::Disabled(Feature::Fp) => {
            // Never trapped: a guest's FP registers are always its own.
            arch::guest::trap_fp(false);
            Next::Resume
        }
        Exit::IllegalState | Exit::PcAlignment | Exit::SpAlignment | Exit::FpException => {
            inject(
                guest,
                Sync::Other {
                    esr: syndrome.esr,
                    far: Some(syndrome.far),
                },
                syndrome,
            );
            Next::Resume
        }
        _ => {
            undefined(guest, syndrome);
            Next::Resume
        }
    }
}

/// Lets the guest take a synchronous exception.
pub fn inject(guest: &mut GuestContext, exception: Sync, syndrome: &Syndrome) {
    IrqGuard::with(|_| arch::guest::inject(guest, exception, syndrome.is_32bit()));
}

/// Lets the guest find its instruction undefined.
pub fn undefined(guest: &mut GuestContext, syndrome: &Syndrome) {
    inject(guest, Sync::Undefined, syndrome);
}

/// The guest executes where it has no memory. An exception is the answer, unless the exception's own vector is there:
/// then the guest would fault for ever without a single instruction, and counts as crashed.
fn instruction_abort(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    abort: &trap::InstructionAbort,
    syndrome: &Syndrome,
) -> Next {
    let ours = matches!(abort.fault, Fault::Translation(_) | Fault::Permission(_));
    if let Some(ipa) = abort.ipa.or(syndrome.translated)
        && ours
        && memory::is_mapped(vcpu.vm, ipa, false, !abort.s1ptw)
    {
        // Its tables were being changed: let it try again.
        return Next::Resume;
    }
    let at = guest.pc;
    inject(
        guest,
        Sync::InstructionAbort { far: syndrome.far },
        syndrome,
    );
    if guest.pc == at {
        let how = "its exception vector is not in memory";
        life::stop(vcpu.vm, Reason::Crash(how));
        return Next::Stop;
    }
    Next::Resume
}

/// A physical SError while a guest ran: something it did, or its device. It gets it, and decides.
pub fn serror(vcpu: &'static Vcpu) -> Next {
    log::warn!(
        "a system error was reported while VM {} ran; it is passed on",
        vcpu.vm.table.name
    );
    arch::guest::inject_serror(0);
    Next::Resume
}
