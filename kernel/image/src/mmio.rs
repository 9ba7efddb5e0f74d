//! A guest's access to what is not its memory: one of its devices, or nothing.

use arch::GuestContext;
use arch::exception::Sync;
use tables::Gic;
use trap::{Access, DataAbort, Fault};
use vdev::Window;
use vgic::{GICD_V2_SIZE, GICD_V3_SIZE, GICR_STRIDE, Width};

use crate::config::BOARD;
use crate::devices::WINDOW;
use crate::exit::{self, Syndrome};
use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::{hw, memory, vm};

/// What answers at an address.
#[derive(Clone, Copy)]
enum Target {
    Distributor,
    Redistributors,
    /// GICv2: the second page of the CPU interface, where only `GICC_DIR` is.
    Deactivate,
    Uart,
    Clock,
}

/// GICC_DIR's page: the CPU interface's second.
const DIR_PAGE: u64 = 0x1000;

/// Emulates the access, or lets the guest take a synchronous external abort: what a bus answers where nothing is.
pub fn handle(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    abort: &DataAbort,
    ipa: Option<u64>,
    syndrome: &Syndrome,
) {
    // The guest changed its own tables meanwhile: let it try again.
    let Some(ipa) = ipa else { return };
    // Stage 2 says "nothing here" by a translation fault, "read-only" by a permission fault. All else came from
    // the memory system, or hit the guest's own tables.
    let ours = matches!(abort.fault, Fault::Translation(_) | Fault::Permission(_));
    if abort.s1ptw || !ours {
        return refuse(guest, abort, syndrome);
    }
    if abort.cache_maintenance && target(vcpu, ipa, 1).is_some() {
        // Devices are not cached.
        return guest.skip(syndrome.is_32bit());
    }
    let Some(access) = abort.access else {
        if memory::is_mapped(vcpu.vm, ipa, abort.write, false) {
            return;
        }
        return refuse(guest, abort, syndrome);
    };
    let Some((target, offset)) = target(vcpu, ipa, access.size) else {
        if memory::is_mapped(vcpu.vm, ipa, abort.write, false) {
            // Its tables were being changed: let it try again.
            return;
        }
        return refuse(guest, abort, syndrome);
    };
    if abort.write {
        write(
            vcpu,
            target,
            offset,
            access.size,
            access.stored(guest.get(access.rt)),
        );
    } else {
        load(vcpu, guest, target, offset, &access);
    }
    guest.skip(syndrome.is_32bit());
}

fn refuse(guest: &mut GuestContext, abort: &DataAbort, syndrome: &Syndrome) {
    let exception = Sync::DataAbort {
        far: syndrome.far,
        write: abort.write,
    };
    exit::inject(guest, exception, syndrome);
}

/// What answers `size` bytes at `ipa`, and the offset in its window.
#[inline]
fn target(vcpu: &Vcpu, ipa: u64, size: u8) -> Option<(Target, u64)> {
    let table = vcpu.vm.table;
    let within = |base, bytes| Window { base, size: bytes }.offset(ipa, size);
    let second = table.gic.redistributor_or_cpu;
    match BOARD.gic {
        Gic::V3 { .. } => {
            let bytes = GICR_STRIDE.saturating_mul(table.vcpus.len() as u64);
            if let Some(offset) = within(second, bytes) {
                return Some((Target::Redistributors, offset));
            }
            if let Some(offset) = within(table.gic.distributor, GICD_V3_SIZE) {
                return Some((Target::Distributor, offset));
            }
        }
        Gic::V2 { .. } => {
            if let Some(offset) = within(table.gic.distributor, GICD_V2_SIZE) {
                return Some((Target::Distributor, offset));
            }
            if let Some(offset) = within(second.wrapping_add(DIR_PAGE), DIR_PAGE) {
                return Some((Target::Deactivate, offset));
            }
        }
    }
    let devices = &vcpu.vm.devices;
    let at = |place: Option<&crate::devices::Place>| within(place?.ipa, WINDOW);
    if let Some(offset) = at(devices.uart_at()) {
        return Some((Target::Uart, offset));
    }
    at(devices.clock_at()).map(|offset| (Target::Clock, offset))
}

/// A load: what is read goes into the register that the syndrome names.
fn load(
    vcpu: &'static Vcpu,
    guest: &mut GuestContext,
    target: Target,
    offset: u64,
    access: &Access,
) {
    let value = IrqGuard::with(|irq| {
        let width = Width::from_bytes(u32::from(access.size));
        match (target, width) {
            (Target::Distributor, Some(width)) => gic_read(irq, vcpu, |gic, hw| {
                gic.gicd_read(vcpu.index, offset, width, hw)
            }),
            (Target::Redistributors, Some(width)) => gic_read(irq, vcpu, |gic, hw| {
                gic.gicr_read(vcpu.index, offset, width, hw)
            }),
            (Target::Uart, _) => vcpu.vm.devices.uart_read(irq, vcpu.vm, offset, access.size),
            (Target::Clock, _) => vcpu
                .vm
                .devices
                .clock_read(irq, vcpu.vm, offset, access.size),
            (Target::Deactivate, _) | (_, None) => 0,
        }
    });
    guest.set(access.rt, access.loaded(value));
}

fn write(vcpu: &'static Vcpu, target: Target, offset: u64, size: u8, value: u64) {
    IrqGuard::with(|irq| {
        let width = Width::from_bytes(u32::from(size));
        match (target, width) {
            (Target::Distributor, Some(width)) => vm::with_gic(irq, vcpu, |gic, hw| {
                gic.gicd_write(vcpu.index, offset, width, value, hw)
            }),
            (Target::Redistributors, Some(width)) => vm::with_gic(irq, vcpu, |gic, hw| {
                gic.gicr_write(vcpu.index, offset, width, value, hw)
            }),
            (Target::Deactivate, Some(Width::Word)) if offset == 0 => {
                // Bits 9:0 are the INTID; 12:10, the SGI's sender, do not matter here (IHI 0048 §4.4.15).
                vm::with_gic(irq, vcpu, |gic, hw| {
                    gic.deactivate(vcpu.index, value as u32 & 0x3ff, hw)
                });
            }
            (Target::Uart, _) => vcpu
                .vm
                .devices
                .uart_write(irq, vcpu.vm, offset, size, value),
            (Target::Clock, _) => vcpu
                .vm
                .devices
                .clock_write(irq, vcpu.vm, offset, size, value),
            (Target::Deactivate, _) | (_, None) => {}
        }
    });
}

fn gic_read(
    irq: &IrqGuard,
    vcpu: &'static Vcpu,
    read: impl FnOnce(
        &mut vgic::Vgic<{ vm::SPI_WORDS }>,
        &mut drivers::VirtualInterface<'_>,
    ) -> vgic::Read,
) -> u64 {
    let answer = hw::with_virtual_interface(irq, |hw| read(&mut vcpu.vm.gic.lock(irq), hw));
    vm::deliver(irq, vcpu.vm, answer.kick);
    answer.value
}
