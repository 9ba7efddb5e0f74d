//! Wakers without memory of their own: a number, or a `static`.
//!
//! An operation's waker holds its owner's number where others hold a pointer, and nothing is ever read through it: it can
//! be kept for as long as anybody likes, outlive the operation, its table's use and the owner, and then wakes somebody for
//! nothing, which every sleeper has to tolerate anyway. A task's points to the task's `static` control.
#![allow(unsafe_code, reason = "RawWaker is how a waker is made without a heap")]

use core::ptr;
use core::task::{RawWaker, RawWakerVTable, Waker};

use crate::{Control, Driver};

/// Wakes an owner.
pub fn of_owner<D: Driver>(owner: u32) -> Waker {
    // SAFETY: the functions of the table take the data for a number; they are safe for any number, from any thread.
    unsafe {
        Waker::from_raw(RawWaker::new(
            ptr::without_provenance(owner as usize),
            OwnerWaker::<D>::TABLE,
        ))
    }
}

struct OwnerWaker<D>(D);

impl<D: Driver> OwnerWaker<D> {
    const TABLE: &'static RawWakerVTable = &RawWakerVTable::new(
        |data| RawWaker::new(data, Self::TABLE),
        Self::wake,
        Self::wake,
        |_| {},
    );

    fn wake(data: *const ()) {
        // Made from a `u32`.
        D::wake(data.addr() as u32);
    }
}

/// Marks a task ready, then wakes its owner.
pub fn of_task<D: Driver>(control: &'static Control) -> Waker {
    // SAFETY: the functions of the table take the data for a `&'static Control`, which it is, and which is `Sync`.
    unsafe {
        Waker::from_raw(RawWaker::new(
            ptr::from_ref(control).cast(),
            TaskWaker::<D>::TABLE,
        ))
    }
}

struct TaskWaker<D>(D);

impl<D: Driver> TaskWaker<D> {
    const TABLE: &'static RawWakerVTable = &RawWakerVTable::new(
        |data| RawWaker::new(data, Self::TABLE),
        Self::wake,
        Self::wake,
        |_| {},
    );

    fn wake(data: *const ()) {
        // SAFETY: only `of_task` makes wakers with this table, from a `&'static Control`.
        let control: &'static Control = unsafe { &*data.cast() };
        control.ready.raise();
        D::wake(control.owner());
    }
}
