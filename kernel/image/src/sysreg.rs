//! Trapped system registers: `trap` says what each is, here is the state behind those that have some.

use arch::GuestContext;
use trap::{Action, CpuModel, Emulated, GicVersion, ModelConfig, SysRegTrap};
use vgic::SgiRegister;

use crate::config::BOARD;
use crate::exit::{self, Syndrome};
use crate::platform::{IrqGuard, Once};
use crate::vcpu::Vcpu;
use crate::{deadline, memory, vm};

/// The processor that all guests see.
static MODEL: Once<CpuModel> = Once::new();

/// Derives the guests' processor from this core.
///
/// # Errors
///
/// As [`memory::geometry`].
pub fn init() -> Result<(), &'static str> {
    let gic = match BOARD.gic {
        tables::Gic::V2 { .. } => GicVersion::V2,
        tables::Gic::V3 { .. } => GicVersion::V3,
    };
    let ipa_bits = memory::geometry()?.ipa_bits() as u8;
    MODEL.get_or_init(|| {
        CpuModel::derive(ModelConfig { gic, ipa_bits }, |reg| {
            arch::id::read(reg.crm(), reg.op2())
        })
    });
    Ok(())
}

/// Answers an access.
pub fn handle(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    access: SysRegTrap,
    syndrome: &Syndrome,
) {
    let Some(model) = MODEL.get() else { return };
    match model.access(access.reg, access.read) {
        Action::Undefined => return exit::undefined(guest, syndrome),
        Action::Value(value) => guest.set(access.rt, value),
        Action::Ignore => {}
        Action::Emulate(what) if access.read => guest.set(access.rt, read(vcpu, what)),
        Action::Emulate(what) => write(vcpu, what, guest.get(access.rt)),
    }
    guest.skip(syndrome.is_32bit());
}

fn read(vcpu: &Vcpu, what: Emulated) -> u64 {
    let timer = || IrqGuard::with(|irq| vcpu.physical_timer.get(irq));
    match what {
        Emulated::CntpCtl => timer().read_ctl(arch::timer::now()),
        Emulated::CntpCval => timer().read_cval(),
        Emulated::CntpTval => timer().read_tval(arch::timer::now()),
        Emulated::Cntpct => arch::timer::now(),
        Emulated::Mdscr => vcpu.debug.with(|debug| debug.mdscr()),
        Emulated::OsLsr => vcpu.debug.with(|debug| debug.oslsr()),
        // Write-only: a read was answered "undefined".
        Emulated::IccSgi0r
        | Emulated::IccSgi1r
        | Emulated::IccAsgi1r
        | Emulated::IccDir
        | Emulated::OsLar
        | Emulated::CleanInvalidateSetWay => 0,
    }
}

fn write(vcpu: &'static Vcpu, what: Emulated, value: u64) {
    match what {
        Emulated::IccSgi1r => send(vcpu, SgiRegister::Sgi1r, value),
        Emulated::IccSgi0r => send(vcpu, SgiRegister::Sgi0r, value),
        Emulated::IccAsgi1r => send(vcpu, SgiRegister::Asgi1r, value),
        Emulated::IccDir => IrqGuard::with(|irq| {
            let intid = value as u32 & 0xff_ffff;
            vm::with_gic(irq, vcpu, |gic, hw| gic.deactivate(vcpu.index, intid, hw));
        }),
        Emulated::CntpCtl => timer(vcpu, |timer, _| timer.write_ctl(value)),
        Emulated::CntpCval => timer(vcpu, |timer, _| timer.write_cval(value)),
        Emulated::CntpTval => timer(vcpu, |timer, now| timer.write_tval(value, now)),
        Emulated::Mdscr => debug(vcpu, |debug| debug.write_mdscr(value)),
        Emulated::OsLar => debug(vcpu, |debug| debug.write_oslar(value)),
        Emulated::CleanInvalidateSetWay => arch::cache::clean_and_invalidate_set_way(value),
        // Read-only: a write was answered "undefined".
        Emulated::Cntpct | Emulated::OsLsr => {}
    }
}

/// An inter-processor interrupt.
fn send(vcpu: &'static Vcpu, register: SgiRegister, value: u64) {
    IrqGuard::with(|irq| {
        let kick = vcpu.vm.gic.lock(irq).sgi_write(vcpu.index, register, value);
        vm::deliver(irq, vcpu.vm, kick);
    });
}

fn timer(vcpu: &'static Vcpu, change: impl FnOnce(&mut vtimer::PhysicalTimer, u64)) {
    IrqGuard::with(|irq| {
        let now = arch::timer::now();
        vcpu.physical_timer.change(irq, |timer| change(timer, now));
        deadline::physical_changed(irq, vcpu, now);
    });
}

fn debug(vcpu: &Vcpu, change: impl FnOnce(&mut trap::Debug)) {
    IrqGuard::with(|irq| {
        let mut debug = vcpu.debug.lock(irq);
        change(&mut debug);
        arch::switch::set_mdscr(debug.hardware_mdscr());
    });
}
