//! Sections mask and unmask as they promise, on a core made of thread-locals.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use preempt::{IrqGuard, PerCpu, Platform, PreemptGuard, Slot};

thread_local! {
    static MASKED: Cell<bool> = const { Cell::new(false) };
    static CPU: Cell<usize> = const { Cell::new(0) };
}

struct Fake;

// SAFETY: no interrupts exist here; each test thread sets its own core number, and no two the same at a time.
unsafe impl Platform for Fake {
    const CPUS: usize = 4;
    type Irq = bool;
    fn irq_mask() -> bool {
        MASKED.replace(true)
    }
    unsafe fn irq_restore(saved: bool) {
        MASKED.set(saved);
    }
    fn relax() {}
    fn cpu() -> usize {
        CPU.get()
    }
}

#[test]
fn a_section_masks_and_puts_back_what_it_found() {
    IrqGuard::<Fake>::with(|_| {
        assert!(MASKED.get());
        IrqGuard::<Fake>::with(|_| assert!(MASKED.get()));
        assert!(
            MASKED.get(),
            "the inner section must not unmask for the outer"
        );
    });
    assert!(!MASKED.get());
}

#[test]
fn a_section_that_unwinds_puts_back_what_it_found() {
    let result = std::panic::catch_unwind(|| IrqGuard::<Fake>::with(|_| panic!("on purpose")));
    assert!(result.is_err());
    assert!(!MASKED.get());
}

#[test]
fn staying_on_a_core_masks_nothing_and_costs_nothing() {
    PreemptGuard::<Fake>::with(|_| assert!(!MASKED.get()));
    assert_eq!(size_of::<PreemptGuard<Fake>>(), 0);
    assert_eq!(size_of::<IrqGuard<Fake>>(), 0);
}

#[test]
fn each_core_has_its_own() {
    static COUNT: PerCpu<AtomicU32, 4> = PerCpu::new([const { Slot::new(AtomicU32::new(0)) }; 4]);
    std::thread::scope(|scope| {
        for cpu in 0..4 {
            scope.spawn(move || {
                CPU.set(cpu);
                for _ in 0..=cpu {
                    PreemptGuard::<Fake>::with(|guard| {
                        COUNT.this_cpu(guard).fetch_add(1, Ordering::Relaxed)
                    });
                }
            });
        }
    });
    let counts: Vec<_> = (0..5)
        .map(|cpu| COUNT.get(cpu).map(|count| count.load(Ordering::Relaxed)))
        .collect();
    assert_eq!(counts, [Some(1), Some(2), Some(3), Some(4), None]);
    // On cache lines of their own.
    assert_eq!(size_of::<Slot<AtomicU32>>(), 64);
}

#[test]
fn data_that_is_not_shared_needs_masked_interrupts() {
    static CELL: PerCpu<Cell<u32>, 4> = PerCpu::new([const { Slot::new(Cell::new(7)) }; 4]);
    CPU.set(3);
    let before = IrqGuard::<Fake>::with(|irq| CELL.this_cpu_masked(irq).replace(9));
    assert_eq!(before, 7);
    assert_eq!(
        IrqGuard::<Fake>::with(|irq| CELL.this_cpu_masked(irq).get()),
        9
    );
    // SAFETY: nothing unmasks, and there are no interrupts.
    let assumed = unsafe { IrqGuard::<Fake>::assume(|irq| CELL.this_cpu_masked(irq).get()) };
    assert_eq!(assumed, 9);
}
