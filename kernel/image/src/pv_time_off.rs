//! No stolen time: PV_TIME is off, so no VM's table has an address for it and the calls do not come here.

use crate::platform::IrqGuard;
use crate::vcpu::Vcpu;
use crate::vm;

/// No VM has a page.
pub fn page(_table: &tables::Vm) -> Option<(u64, u64)> {
    None
}

/// No page needs room.
pub fn end() -> u64 {
    0
}

/// It is not offered.
pub fn offered(_vm: &vm::Vm) -> u64 {
    abi::smccc::NOT_SUPPORTED
}

/// Nor given.
pub fn asked(_irq: &IrqGuard, _vcpu: &Vcpu) -> u64 {
    abi::smccc::NOT_SUPPORTED
}

/// Publishes nothing.
#[inline(always)]
pub fn switched_in(_irq: &IrqGuard, _vcpu: &Vcpu) {}

/// Forgets nothing.
pub fn reset(_vm: &vm::Vm) {}
