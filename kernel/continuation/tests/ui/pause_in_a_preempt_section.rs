//~ E0728
//! A pause where the caller must not be rescheduled.

use std::sync::atomic::{AtomicU32, Ordering};

use continuation::{Cancelled, Control, Cx, Driver, Table};
use preempt::{IrqGuard, Pause, PerCpu, PreemptGuard, Slot};

/// Never run: this is about types.
pub struct Cpu;

// SAFETY: never called.
unsafe impl preempt::Platform for Cpu {
    const CPUS: usize = 2;
    type Irq = bool;
    fn irq_mask() -> bool { false }
    unsafe fn irq_restore(_: bool) {}
    fn relax() {}
    fn cpu() -> usize { 0 }
}

impl Driver for Cpu {
    type Platform = Cpu;
    const INTERVAL: u32 = 64;
    fn pause(_: &Control) -> Pause { Pause::Leave }
    fn contended(_: &Control) -> Pause { Pause::Leave }
    fn wake(_: u32) {}
}

pub static COUNT: PerCpu<AtomicU32, 2> = PerCpu::new([const { Slot::new(AtomicU32::new(0)) }; 2]);
pub static TABLE: Table<Cpu, u32, 2, 512> = Table::new();

/// Stands for a lock that sleeps.
pub async fn lock(value: &'static AtomicU32) -> Box<&'static AtomicU32> { Box::new(value) }

pub fn irq(section: impl FnOnce(&IrqGuard<Cpu>)) { IrqGuard::<Cpu>::with(section) }
pub fn pinned(section: impl FnOnce(&PreemptGuard<Cpu>)) { PreemptGuard::<Cpu>::with(section) }
pub static VALUE: AtomicU32 = AtomicU32::new(0);
pub fn keep(_: Result<(), Cancelled>, _: Ordering) {}

pub async fn operation(mut cx: Cx<Cpu>) {
    PreemptGuard::<Cpu>::with(|_| {
        cx.work(1).await.unwrap();
    });
}
