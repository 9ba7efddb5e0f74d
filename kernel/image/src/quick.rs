//! Exits that are answered at once: with interrupts masked, without decoding more than it takes to know them, and
//! with nothing to do on the way back.
//!
//! For what guests do most: calls whose answer is a constant, reads of the distributor's plain registers, software
//! interrupts. Each is short, so masking interrupts meanwhile costs no more than a lock would. What is not
//! recognised has changed nothing and goes the general way (`exit`), which gives the same answer.

use arch::GuestContext;
use psci::Outcome;
use vgic::SgiRegister;

use crate::config::BOARD;
use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::vm::{self, VIRTUAL_TIMER};
use crate::{calls, hw, irq};

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quick {
    /// The guest can go on: nothing was asked of this core or of the vCPU, and whoever asks for something while
    /// interrupts are masked sends an interrupt, which exits the guest again.
    Done,
    /// It is answered, but may have left something to do.
    Answered,
    /// It is not for here.
    No,
}

/// Answers a synchronous exit, if it is one of those.
#[inline(always)]
pub fn handle(irq: &IrqGuard, vcpu: &'static Vcpu, guest: &mut GuestContext) -> Quick {
    let esr = arch::guest::esr();
    match trap::class(esr) {
        trap::ec::HVC => call(guest, esr),
        trap::ec::DATA_ABORT_LOWER => match read(irq, vcpu, guest, esr) {
            Quick::No if matches!(BOARD.gic, tables::Gic::V2 { .. }) => {
                send_v2(irq, vcpu, guest, esr)
            }
            done => done,
        },
        trap::ec::SYSREG => send(irq, vcpu, guest, esr),
        _ => Quick::No,
    }
}

/// Handles an interrupt that was taken while the guest ran. Others that are pending exit it again.
#[inline(always)]
pub fn interrupt(irq: &IrqGuard, vcpu: &'static Vcpu) -> Quick {
    let Some(gic) = hw::gic() else {
        return Quick::Answered;
    };
    let Some(interrupt) = gic.ack() else {
        return Quick::Done;
    };
    if interrupt.intid() == BOARD.timers.virtual_ {
        let mut interface = gic.virtual_interface();
        let again = vcpu
            .vm
            .gic
            .lock(irq)
            .linked_again(vcpu.index, VIRTUAL_TIMER, &mut interface);
        if again {
            gic.drop_priority(interrupt);
            return Quick::Done;
        }
    }
    other(irq, gic, interrupt)
}

/// Handles an interrupt that asks for more.
#[inline(never)]
fn other(irq: &IrqGuard, gic: &drivers::Gic, interrupt: drivers::Acknowledged) -> Quick {
    irq::handle(irq, gic, interrupt);
    Quick::Answered
}

/// A call that needs no more than a value in x0.
#[inline(always)]
fn call(guest: &mut GuestContext, esr: u64) -> Quick {
    if !psci::is_smccc(esr as u16) {
        return Quick::No;
    }
    match psci::stateless(guest.get(0) as u32, guest.get(1), calls::firmware()) {
        Some(Outcome::Return(value)) => {
            guest.set(0, value);
            Quick::Done
        }
        _ => Quick::No,
    }
}

/// A read of the distributor that needs nothing but a word of its state.
#[inline(always)]
fn read(irq: &IrqGuard, vcpu: &'static Vcpu, guest: &mut GuestContext, esr: u64) -> Quick {
    let Some(rt) = trap::word_load(esr) else {
        return Quick::No;
    };
    // Valid for the translation faults that `word_load` is about.
    let ipa = arch::traps::fault_ipa(esr, arch::guest::far(), arch::guest::hpfar());
    let offset = ipa.map(|ipa| ipa.wrapping_sub(vcpu.vm.table.gic.distributor));
    let value = offset.and_then(|offset| vcpu.vm.gic.lock(irq).gicd_peek(offset));
    match value {
        Some(value) => {
            guest.set(rt, value.into());
            guest.skip(true);
            Quick::Done
        }
        None => Quick::No,
    }
}

/// A software interrupt of GICv2.
#[inline(never)]
fn send_v2(irq: &IrqGuard, vcpu: &'static Vcpu, guest: &mut GuestContext, esr: u64) -> Quick {
    let Some(rt) = trap::word_store(esr) else {
        return Quick::No;
    };
    let ipa = arch::traps::fault_ipa(esr, arch::guest::far(), arch::guest::hpfar());
    let Some(offset) = ipa.map(|ipa| ipa.wrapping_sub(vcpu.vm.table.gic.distributor)) else {
        return Quick::No;
    };
    let value = guest.get(rt) as u32;
    let kick = vcpu.vm.gic.lock(irq).gicd_send(vcpu.index, offset, value);
    match kick {
        Some(kick) => {
            vm::deliver(irq, vcpu.vm, kick);
            guest.skip(true);
            Quick::Answered
        }
        None => Quick::No,
    }
}

/// A software interrupt of GICv3. GICv2 guests cannot reach the register: there it goes the general way.
#[inline(never)]
fn send(irq: &IrqGuard, vcpu: &'static Vcpu, guest: &mut GuestContext, esr: u64) -> Quick {
    const ICC_SGI1R_EL1: trap::SysReg = trap::SysReg::new(3, 0, 12, 11, 5);
    let Some(rt) = ICC_SGI1R_EL1
        .written_by(esr)
        .filter(|_| matches!(BOARD.gic, tables::Gic::V3 { .. }))
    else {
        return Quick::No;
    };
    let value = guest.get(rt);
    let kick = vcpu
        .vm
        .gic
        .lock(irq)
        .sgi_write(vcpu.index, SgiRegister::Sgi1r, value);
    vm::deliver(irq, vcpu.vm, kick);
    guest.skip(true);
    Quick::Answered
}
