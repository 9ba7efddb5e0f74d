//! Long operations: the hypercalls by which a guest asks for memory, shares it, controls other VMs, rings doorbells.
//!
//! # Calling convention
//!
//! `HVC #0` with the function identifier in w0 and up to six arguments in x1 to x6 (SMCCC, Arm DEN0028, HVC64).
//! Returns x0 = [`SUCCESS`] or one of [`error`]'s negative numbers, and x1 to x3 = results, 0 where none is
//! described. x4 and above are preserved. Arguments that a function does not describe are ignored.
//!
//! # Operations take their time
//!
//! The identifiers are those of *fast* calls (bit 31), though the work may be long: SMCCC gives no range of yielding
//! calls to hypervisors (DEN0028 table 6-1: bit 31 clear is Trusted OS territory), and what a fast call promises does
//! hold: seen from the program that makes it, it has not begun or it is complete.
//!
//! An operation that has to make room for the guest's own interrupts is *suspended*: the guest continues **at the HVC
//! instruction itself** with x0 = [`RESUME`] and x1 = an opaque handle, all other registers untouched. It takes its
//! interrupt there, and when its handler returns, it executes the HVC again and the operation goes on. A guest needs no
//! code for this, and must not rely on seeing it. What follows from it:
//!
//! - Between two steps of an operation the arguments are the hypervisor's. Changing registers or memory meanwhile
//!   changes nothing, except that an element of a list that has not been reached yet is read when it is reached.
//! - The handle is valid on every vCPU of the VM, until the operation ends, once. Any other is answered with
//!   [`error::HANDLE`]; one that another vCPU is executing with [`error::BUSY`].
//! - A VM may have a bounded number of operations suspended. One more abandons the oldest: it is cancelled where
//!   it stands, and what it had in hand is given back. What it had completed stays, as if it had been asked for less.
//!
//! # Lists
//!
//! [`GRANT_COPY`] and [`MULTICALL`] take a list in guest memory: 64-bit little-endian words, 8-byte aligned, which may
//! span pages and regions. Each element is read once, when its turn comes, and its result is written before the next is
//! read. x1 = elements completed. A count of 0 succeeds at once, whatever the address.
//!
//! # Ranges
//!
//! Addresses and lengths of memory are multiples of 4096, except for console text and copies. No bytes is
//! [`error::INVALID`], except for text and copies, where it succeeds. A range that wraps or leaves the VM's address space
//! is [`error::INVALID`]. Functions that work on a range say in x1 how many bytes, from its start, are done, **also when
//! they fail**: the caller goes on, or undoes, from there.

use crate::smccc::{fast, owner};

pub use crate::smccc::SUCCESS;

const fn op(number: u16) -> u32 {
    fast(true, owner::VENDOR_HYPERVISOR, number)
}

/// Continues the suspended operation whose handle is in x1. Appears in x0 by itself; see the module's text.
pub const RESUME: u32 = op(0x10);

/// Memory: x1 = IPA, x2 = bytes, x3 = [`populate`] flags. Maps zeroed RAM there. x1 = bytes populated.
///
/// [`error::OVERLAP`] where something is mapped already or a device stands; [`error::NO_MEMORY`], [`error::QUOTA`].
pub const POPULATE: u32 = op(0x11);
/// Memory: x1 = IPA, x2 = bytes. Gives populated memory back, with what it contains. x1 = bytes given back.
///
/// [`error::NOT_MAPPED`] at the first page that is not there, [`error::NOT_POPULATED`] at the first that is not the
/// caller's to give (its configured RAM, or a mapped grant), [`error::PINNED`] at the first that is granted.
pub const RECLAIM: u32 = op(0x12);
/// Memory: x1 = IPA, x2 = bytes. As [`RECLAIM`], but every page's cache lines are cleaned and invalidated to
/// the point of coherency first, and what is not mapped is passed over. x1 = bytes dealt with, x2 = bytes given back.
pub const UNMAP: u32 = op(0x13);
/// Memory: x1 = IPA, x2 = bytes. Cleans and invalidates the range's cache lines to the point of coherency.
/// x1 = bytes done. [`error::NOT_MAPPED`] at the first page that is not there.
pub const CACHE_CLEAN: u32 = op(0x14);

/// Sharing: x1 = IPA, x2 = pages, x3 = VM, x4 = [`grant`] flags, x5 = tag. Lets the VM map or copy these pages of the
/// caller's own memory. x1 = reference.
///
/// While granted, they cannot be reclaimed ([`error::PINNED`]). The tag, which the caller chooses, is for [`GRANT_FIND`].
/// [`error::FULL`] beyond [`limits::GRANTS`].
pub const GRANT: u32 = op(0x18);
/// Sharing: x1 = reference. Withdraws it. [`error::BUSY`] while any page of it is mapped.
pub const UNGRANT: u32 = op(0x19);
/// Sharing: x1 = VM, x2 = tag. A grant with that tag that the VM made to the caller:
/// x1 = reference, x2 = pages, x3 = flags. [`error::NO_GRANT`] when there is none.
pub const GRANT_FIND: u32 = op(0x1a);
/// Sharing: x1 = reference, x2 = IPA. Maps all pages of a grant made to the caller, without execute permission.
/// x1 = pages mapped.
///
/// A grant is mapped at one place at a time. A call that failed or was abandoned half way is finished by the same call
/// once more, or undone by [`GRANT_UNMAP`]; at another IPA it is [`error::BUSY`], and so it is during [`GRANT_UNMAP`].
pub const GRANT_MAP: u32 = op(0x1b);
/// Sharing: x1 = reference. Unmaps what [`GRANT_MAP`] mapped. x1 = pages still mapped (0 on success).
pub const GRANT_UNMAP: u32 = op(0x1c);
/// Sharing: x1 = IPA of a list of [`copy`] elements, x2 = their number. Copies between own memory and grants, without
/// mapping; one side of each is own memory. x1 = elements completed; a refused element has its own status and does not end the list.
pub const GRANT_COPY: u32 = op(0x1d);

/// VM life: x1 = VM. Makes an absent VM: its tables, not its contents. From [`state::ABSENT`] to [`state::OFF`].
///
/// This and the others of its kind need the system's configuration to say that the caller controls that VM, else
/// [`error::DENIED`]; a VM never controls itself. [`error::STATE`] when it is not in the state that the function needs.
pub const VM_CREATE: u32 = op(0x20);
/// VM life: x1 = VM. Loads its image and starts it. From [`state::OFF`].
pub const VM_START: u32 = op(0x21);
/// VM life: x1 = VM. Stops its vCPUs where they are; returns when none runs. From [`state::RUNNING`].
pub const VM_PAUSE: u32 = op(0x22);
/// VM life: x1 = VM. Lets it go on. From [`state::PAUSED`].
pub const VM_RESUME: u32 = op(0x23);
/// VM life: x1 = VM. Stops it, takes back what it populated, granted and bound, and starts it afresh.
pub const VM_RESET: u32 = op(0x24);
/// VM life: x1 = VM. Stops it and takes back everything. To [`state::ABSENT`]. Calling it for a VM that is being destroyed
/// already, and by nobody any more, finishes that; if somebody is at it, [`error::BUSY`].
pub const VM_DESTROY: u32 = op(0x25);
/// VM life: x1 = VM. x1 = its [`state`], x2 = pages it holds of the heap, x3 = grants it has made.
pub const VM_STATUS: u32 = op(0x26);

/// Doorbells: x1 = port, x2 = VM, x3 = INTID. Whenever that VM sends to this port of the caller, the caller gets the
/// SPI (32 to its GIC's last). [`error::BUSY`] when the port is bound, [`error::INVALID`] from [`limits::PORTS`] on.
pub const EVENT_BIND: u32 = op(0x28);
/// Doorbells: x1 = VM, x2 = port of that VM. [`error::NO_PORT`] when it is not bound to the caller.
pub const EVENT_SEND: u32 = op(0x29);
/// Doorbells: x1 = port. Unbinds it. [`error::NO_PORT`] when it was not bound.
pub const EVENT_UNBIND: u32 = op(0x2a);
/// Doorbells: unbinds all of the caller's ports. x1 = how many there were.
pub const EVENT_RESET: u32 = op(0x2b);

/// Console: x1 = IPA, x2 = bytes. Writes text to the VM's console; any length. x1 = bytes written.
pub const CONSOLE_WRITE: u32 = op(0x30);

/// x1 = IPA of a list of [`multi`] elements, x2 = their number. Makes the calls one after the other. x1 = elements
/// completed; a refused call has its own status and does not end the list. [`RESUME`] and [`MULTICALL`] itself are
/// [`error::NESTED`] in it.
pub const MULTICALL: u32 = op(0x31);

/// Diagnosis: x1 = units. Does nothing useful for that many units of work, as long ones as other operations' are.
/// x1 = units done.
pub const BURN: u32 = op(0x38);
/// Diagnosis: x1 = one of [`stat`]. x1 = its value.
pub const STATS: u32 = op(0x39);

/// What x0 returns when it is not [`SUCCESS`]. As 64-bit two's complement numbers.
pub mod error {
    /// There is no such function (SMCCC).
    pub const NOT_SUPPORTED: i64 = -1;
    /// An argument has a value that it never may have: alignment, wrap, unknown flag, beyond a limit (SMCCC).
    pub const INVALID: i64 = -3;
    /// The configuration does not give the caller this right (`may`, `controls`).
    pub const DENIED: i64 = -16;
    /// Guest memory that the call has to read or write is not mapped, or not writable.
    pub const ADDRESS: i64 = -17;
    /// Something is there already.
    pub const OVERLAP: i64 = -18;
    /// Nothing is there.
    pub const NOT_MAPPED: i64 = -19;
    /// It is mapped, but was not populated.
    pub const NOT_POPULATED: i64 = -20;
    /// It is granted; withdraw the grant first.
    pub const PINNED: i64 = -21;
    /// The heap, or the pool that tables come from, is exhausted.
    pub const NO_MEMORY: i64 = -22;
    /// The caller holds as much as its configuration allows.
    pub const QUOTA: i64 = -23;
    /// There is no VM of that number.
    pub const NO_VM: i64 = -24;
    /// The VM's state does not allow it.
    pub const STATE: i64 = -25;
    /// There is no such grant, or it was not made to the caller, or not by it, or not for writing.
    pub const NO_GRANT: i64 = -26;
    /// The port is not bound to the caller.
    pub const NO_PORT: i64 = -27;
    /// Somebody else is at it.
    pub const BUSY: i64 = -28;
    /// A table of bounded size is full.
    pub const FULL: i64 = -29;
    /// No operation of the VM is suspended under that handle.
    pub const HANDLE: i64 = -30;
    /// A call that may not stand in a multicall.
    pub const NESTED: i64 = -31;
    /// The operation was cancelled: its VM is being stopped.
    pub const CANCELLED: i64 = -32;
}

/// Bounds that do not depend on the configuration.
pub mod limits {
    /// The most elements of a list.
    pub const LIST: u64 = 1024;
    /// The most pages of one grant: 1 GiB.
    pub const GRANT_PAGES: u64 = 1 << 18;
    /// The most grants that a VM has made at a time.
    pub const GRANTS: usize = 32;
    /// Ports of a VM: 0 to 31.
    pub const PORTS: usize = 32;
}

/// Flags of [`POPULATE`]; all others must be 0.
pub mod populate {
    /// In pages of 4 KiB, even where larger ones would fit.
    pub const PAGES: u64 = 1 << 0;
    /// The guest cannot execute there.
    pub const NO_EXECUTE: u64 = 1 << 1;
    /// All that have a meaning.
    pub const ALL: u64 = PAGES | NO_EXECUTE;
}

/// Flags of [`GRANT`]; all others must be 0.
pub mod grant {
    /// The other VM may write.
    pub const WRITE: u64 = 1 << 0;
}

/// An element of [`GRANT_COPY`]: six words.
pub mod copy {
    /// Bytes of an element.
    pub const SIZE: usize = 48;
    /// In place of a reference: the caller's own memory.
    pub const OWN: u64 = 0;
    /// Word 0: where from: a reference, or [`OWN`].
    pub const SOURCE: usize = 0;
    /// Word 1: offset in the grant, or IPA; any alignment.
    pub const SOURCE_AT: usize = 1;
    /// Word 2: where to: a reference to a grant for writing, or [`OWN`].
    pub const DESTINATION: usize = 2;
    /// Word 3: offset in the grant, or IPA; any alignment. The regions should not overlap: pieces go in ascending order.
    pub const DESTINATION_AT: usize = 3;
    /// Word 4: bytes, at most 1 GiB.
    pub const LENGTH: usize = 4;
    /// Word 5: written by the hypervisor: `SUCCESS` or an error.
    pub const STATUS: usize = 5;
    /// The most bytes of an element.
    pub const MAX_LENGTH: u64 = 1 << 30;
}

/// An element of [`MULTICALL`]: eleven words.
pub mod multi {
    /// Bytes of an element.
    pub const SIZE: usize = 88;
    /// Word 0: the function identifier; the upper 32 bits are ignored.
    pub const FUNCTION: usize = 0;
    /// Words 1 to 6: the arguments x1 to x6.
    pub const ARGUMENTS: usize = 1;
    /// Words 7 to 10: written by the hypervisor: x0 to x3.
    pub const RESULTS: usize = 7;
}

/// States of a VM.
pub mod state {
    /// Destroyed: it has no tables and no memory.
    pub const ABSENT: u64 = 0;
    /// It exists and does not run.
    pub const OFF: u64 = 1;
    /// Its image is being loaded.
    pub const LOADING: u64 = 2;
    /// It runs.
    pub const RUNNING: u64 = 3;
    /// It exists in the middle of something, and does not run.
    pub const PAUSED: u64 = 4;
    /// It is on its way to [`OFF`].
    pub const STOPPING: u64 = 5;
    /// It is on its way to [`ABSENT`].
    pub const DYING: u64 = 6;
}

/// What [`STATS`] tells. Ticks are those of the guest's counter.
pub mod stat {
    /// Operations of this VM that were abandoned since boot.
    pub const ABANDONED: u64 = 0;
    /// Operations of this VM that are suspended now.
    pub const SUSPENDED: u64 = 1;
    /// The longest that an operation of any VM has worked since boot between two checkpoints (or its beginning, or its end) on a
    /// core where the hypervisor is not preempted, in ticks, interrupts handled meanwhile included: so long has it kept others
    /// waiting. 0 where every core is preemptible.
    pub const LONGEST_STRETCH: u64 = 2;
    /// Pages that this VM holds of the heap.
    pub const HEAP_HELD: u64 = 3;
    /// Pages of the heap that are free, clean or not.
    pub const HEAP_FREE: u64 = 4;
    /// Pages of the heap that are free and still to be cleared.
    pub const HEAP_DIRTY: u64 = 5;
    /// Pages that the scrubber has cleared in the background since boot.
    pub const SCRUBBED: u64 = 6;
    /// Operations of this VM that left at a checkpoint since boot.
    pub const LEFT: u64 = 7;
    /// Pages of the pool that tables come from which are free.
    /// Those that were tables until a moment ago and that a core may still look at ([`TABLES_WAITING`]) are among them: who
    /// needs one waits for it.
    pub const POOL_FREE: u64 = 8;
    /// Pages of the pool that were tables, and wait until no core can be looking at them.
    pub const TABLES_WAITING: u64 = 9;
    /// Grace periods since boot after which such pages were given back.
    pub const GRACE_PERIODS: u64 = 10;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_identifiers_are_distinct_fast_hvc64_calls_of_the_vendor_range() {
        let all = [
            RESUME,
            POPULATE,
            RECLAIM,
            UNMAP,
            CACHE_CLEAN,
            GRANT,
            UNGRANT,
            GRANT_FIND,
            GRANT_MAP,
            GRANT_UNMAP,
            GRANT_COPY,
            VM_CREATE,
            VM_START,
            VM_PAUSE,
            VM_RESUME,
            VM_RESET,
            VM_DESTROY,
            VM_STATUS,
            EVENT_BIND,
            EVENT_SEND,
            EVENT_UNBIND,
            EVENT_RESET,
            CONSOLE_WRITE,
            MULTICALL,
            BURN,
            STATS,
            crate::vendor::REPORT,
            crate::vendor::CRASH,
            crate::vendor::VCPU_TIMES,
        ];
        for (index, id) in all.iter().enumerate() {
            assert_eq!(id >> 16, 0xc600, "{id:#x}");
            assert!(!all[..index].contains(id), "{id:#x} twice");
        }
    }

    #[test]
    fn errors_are_distinct_and_negative() {
        use error::*;
        let all = [
            NOT_SUPPORTED,
            INVALID,
            DENIED,
            ADDRESS,
            OVERLAP,
            NOT_MAPPED,
            NOT_POPULATED,
            PINNED,
            NO_MEMORY,
            QUOTA,
            NO_VM,
            STATE,
            NO_GRANT,
            NO_PORT,
            BUSY,
            FULL,
            HANDLE,
            NESTED,
            CANCELLED,
        ];
        for (index, code) in all.iter().enumerate() {
            assert!(*code < 0 && !all[..index].contains(code), "{code}");
        }
    }
}
