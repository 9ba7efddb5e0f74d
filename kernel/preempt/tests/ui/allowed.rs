//~ compiles
//! What the others do, done right.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use preempt::{IrqGuard, PerCpu, PreemptGuard, Slot};

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

pub static COUNT: PerCpu<AtomicU32, 2> = PerCpu::new([const { Slot::new(AtomicU32::new(0)) }; 2]);
pub static CELL: PerCpu<Cell<u32>, 2> = PerCpu::new([const { Slot::new(Cell::new(0)) }; 2]);

pub async fn pause() {}
pub fn require_send<T: Send>(_: T) {}
pub fn keep() -> (&'static PerCpu<AtomicU32, 2>, &'static PerCpu<Cell<u32>, 2>, Ordering) {
    let _ = PreemptGuard::<Cpu>::with(|_| ());
    let _ = IrqGuard::<Cpu>::with(|_| ());
    (&COUNT, &CELL, Ordering::Relaxed)
}

pub fn run() -> u32 {
    let before = PreemptGuard::<Cpu>::with(|guard| COUNT.this_cpu(guard).fetch_add(1, Ordering::Relaxed));
    IrqGuard::<Cpu>::with(|irq| {
        CELL.this_cpu_masked(irq).set(before);
        COUNT.this_cpu(irq).load(Ordering::Relaxed)
    })
}

pub async fn run_and_pause() {
    run();
    pause().await;
    run();
}

pub fn both() {
    require_send(run_and_pause());
}
