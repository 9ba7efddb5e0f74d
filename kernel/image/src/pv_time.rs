//! Stolen time, published to guests (Arm DEN0057): where each VM's page is, and when its records change.
//!
//! Each VM whose table has an address for it sees one page of this image, read-only, with a record for each vCPU. A vCPU
//! finds its record by `PV_TIME_ST`; from then on it is brought up to date whenever a core takes the vCPU up. What counts
//! as stolen is what the vCPU's account says ([`sched::Times::steal`]). Guarantees: no lock but the account's, and
//! no `unsafe`, since the pages are atomics that EL2 owns; a restarted guest finds its records at 0.

use psci::{Nanoseconds, Page, Record, Stolen};
use tables::Vm;

use crate::config::VMS as COUNT;
use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::vm;

const VCPUS: usize = vgic::MAX_VCPUS;
const _: () = assert!(VCPUS <= Page::RECORDS, "a page has a record for each vCPU");

/// What the guests read. Nothing else of the image lies in these pages: that is what the type's alignment and size say.
static PAGES: [Page; COUNT] = [const { Page::new() }; COUNT];
/// Who has asked, and since when.
static STOLEN: [[Stolen; VCPUS]; COUNT] = [const { [const { Stolen::new() }; VCPUS] }; COUNT];

/// Where a VM's page is to be mapped, read-only: its IPA and its physical address. `None`: it gets none.
pub fn page(table: &Vm) -> Option<(u64, u64)> {
    let number = vm::VMS.iter().position(|vm| vm.table.vmid == table.vmid)?;
    let page = PAGES.get(number)?;
    // EL2 is mapped where it lies (see `arch`), so where a static is is where memory has it.
    Some((table.pv_time?, core::ptr::from_ref(page).addr() as u64))
}

/// One past the highest address that any VM's page needs.
pub fn end() -> u64 {
    let ends = vm::VMS.iter().filter_map(|vm| vm.table.pv_time);
    ends.map(|ipa| ipa.saturating_add(Page::SIZE as u64))
        .max()
        .unwrap_or(0)
}

/// The answer to `PV_TIME_FEATURES` for `PV_TIME_ST`.
pub fn offered(vm: &vm::Vm) -> u64 {
    match vm.table.pv_time {
        Some(_) => abi::smccc::SUCCESS,
        None => abi::smccc::NOT_SUPPORTED,
    }
}

/// The answer to `PV_TIME_ST`, made by `vcpu`, which runs here: the IPA of its record, kept up to date from now on.
pub fn asked(irq: &IrqGuard, vcpu: &Vcpu) -> u64 {
    let place = vcpu.vm.table.pv_time.zip(Page::offset(vcpu.index));
    let Some(((base, offset), (stolen, record))) = place.zip(of(vcpu.vm, vcpu.index)) else {
        return abi::smccc::NOT_SUPPORTED;
    };
    let ticks = steal(irq, vcpu);
    stolen.ask(ticks);
    publish(stolen, record, ticks);
    base.saturating_add(offset)
}

/// This core has taken `vcpu` up, has booked so in its account, and is about to enter it.
#[inline]
pub fn switched_in(irq: &IrqGuard, vcpu: &Vcpu) {
    if let Some((stolen, record)) = of(vcpu.vm, vcpu.index)
        && stolen.is_wanted()
    {
        publish(stolen, record, steal(irq, vcpu));
    }
}

/// The VM has ended or starts anew; no core has any of its vCPUs.
pub fn reset(vm: &vm::Vm) {
    for (stolen, record) in (0..VCPUS).filter_map(|index| of(vm, index)) {
        stolen.reset(record);
    }
}

fn of(vm: &vm::Vm, index: usize) -> Option<(&'static Stolen, &'static Record)> {
    let stolen = STOLEN.get(vm.number)?.get(index)?;
    Some((stolen, PAGES.get(vm.number)?.record(index)?))
}

fn steal(irq: &IrqGuard, vcpu: &Vcpu) -> u64 {
    vcpu.times(irq, arch::timer::now()).steal()
}

fn publish(stolen: &Stolen, record: &Record, ticks: u64) {
    stolen.publish(record, ticks, Nanoseconds::at(arch::timer::frequency()));
}
