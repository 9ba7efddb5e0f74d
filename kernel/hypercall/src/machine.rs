//! What the operations need from the image: its locks, its hands, its VMs' lives.
//!
//! Everything that needs judgement is in this crate; a [`Machine`] lends its locked parts to a closure, touches memory,
//! and does what only the image can. Each method is one atomic step with the bound that its text gives, none sleeps.
//!
//! Order of locks: one [`grants`](Machine::grants), then one [`space`](Machine::space), then [`heap`](Machine::heap).
//! Operations never hold two of a kind at a time, take [`ports`](Machine::ports) alone, and hold nothing where they pause.

use core::future::Future;
use core::ops::Range;

use continuation::{Driver, Rest};
use frames::Chunks;
use stage2::{Maintenance, Stage2, TableMemory};
use tables::Permissions;

use crate::{Error, Grants, Ports};

/// A VM, by its place in the system's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmId(pub u8);

/// A VM's address space while its lock is held.
pub struct Space<'a, M: Machine> {
    /// Its tables; `None` while the VM is absent.
    pub stage2: Option<&'a mut Stage2>,
    /// Where tables live.
    pub tables: &'a mut M::Tables,
    /// The TLB.
    pub tlb: &'a mut M::Tlb,
}

/// What a VM is asked for. Each is a request: it is granted or refused at once, in about 300 instructions, except where its
/// text says that it takes several calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Build its address space from its table. Several calls; from absent to off with the last.
    Create,
    /// Begin loading. From off.
    Start,
    /// Let its vCPUs stop where they are. From running to paused. [`Machine::stopped`] tells when they have.
    Pause,
    /// Let them go on. From paused.
    Resume,
    /// Ask it to stop for good, to be destroyed: from any state but absent to dying, which the caller then owns. From
    /// dying: takes it over if nobody owns it, else [`Error::Busy`]. From then on its vCPUs begin no operation.
    Destroy,
    /// The same, to be started again: from any state but absent, off and dying to stopping, which the caller then owns;
    /// taken over as above. From off and absent: [`Error::State`].
    Reset,
    /// The caller owns it no more, and has not finished: somebody else shall ([`Machine::orphan`]). Never refused.
    LetGo,
    /// The owner of a dying VM has taken everything from it: give its tables back; absent. Several calls.
    Bury,
    /// The owner of a stopping VM has taken back what it got since its start: it begins loading.
    Restart,
}

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is done.
    Done,
    /// Part of it is: ask again.
    Again,
}

/// Whom a half-dead VM awaits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The VM, which whoever receives this owns now.
    pub vm: VmId,
    /// It is to be started again ([`Life::Reset`]), not destroyed.
    pub restart: bool,
}

/// The image, as the operations see it: a name without state, so that futures carry nothing of it.
pub trait Machine: Copy + Send + Sync + 'static {
    /// Who drives the operations.
    type Driver: Driver;
    /// The heap.
    type Heap: Chunks;
    /// Where tables live.
    type Tables: TableMemory;
    /// The TLB.
    type Tlb: Maintenance;

    // ----- what the configuration says -----

    /// How many VMs there are: 0 to this - 1.
    fn vms(self) -> u8;
    /// Whether a VM may use all of these operations.
    fn may(self, vm: VmId, wanted: Permissions) -> bool;
    /// Whether `vm` controls `target`. Never itself.
    fn controls(self, vm: VmId, target: VmId) -> bool;
    /// Where a VM may populate memory and map grants: a range of pages without devices or memory of its table. May be empty.
    fn window(self, vm: VmId) -> Range<u64>;
    /// Bytes of its intermediate physical address space.
    fn ipa_size(self, vm: VmId) -> u64;
    /// Whether its interrupt controller has that SPI.
    fn has_spi(self, vm: VmId, intid: u32) -> bool;

    // ----- locks: masked interrupts from the closure's first instruction to its last -----

    /// The heap.
    fn heap<R>(self, section: impl FnOnce(&mut Self::Heap) -> R) -> R;
    /// A VM's address space and the pool of tables. The VM exists: below [`vms`](Self::vms).
    fn space<R>(self, vm: VmId, section: impl FnOnce(Space<'_, Self>) -> R) -> R;
    /// The grants that a VM has made.
    fn grants<R>(self, owner: VmId, section: impl FnOnce(&mut Grants) -> R) -> R;
    /// The doorbells of a VM.
    fn ports<R>(self, owner: VmId, section: impl FnOnce(&mut Ports) -> R) -> R;

    // ----- hands; physical addresses that the caller knows to be RAM and to stay what they are meanwhile -----

    /// Fills the page at `pa` with zeros and cleans it to the point of coherency. A page of instructions: about 300.
    fn scrub(self, pa: u64);
    /// Cleans and invalidates the page at `pa` to the point of coherency. About 200.
    fn clean(self, pa: u64);
    /// Reads at most 128 bytes, which lie in one page; each byte once.
    fn read(self, pa: u64, to: &mut [u8]);
    /// Writes at most 128 bytes, which lie in one page.
    fn write(self, pa: u64, from: &[u8]);
    /// Copies at most [`COPY_PIECE`](crate::COPY_PIECE) bytes, which lie in one page on either side; fewer, but some, if it
    /// is [`wanted`](Self::wanted). How many. About 600, and 200 once it is wanted.
    fn copy(self, from: u64, to: u64, bytes: usize) -> usize;
    /// Does nothing for about 250 instructions, interrupts as they are.
    fn burn(self);

    /// Gets tables ready, as far as there is room, before a section needs some; no lock of this trait is held. Whether there are
    /// as many as a step may need.
    fn stock(self) -> bool;
    /// How many pages have been tables and are none any more, since boot.
    fn given_up(self) -> u64;
    /// Completes when some of them, of the first `until`, are back where tables come from, at most 16 with each; whether there
    /// are more. Dropped without harm.
    fn returned(self, until: u64) -> impl Future<Output = bool> + Send;
    /// Whether an interrupt waits for this core's mask to open, so that a section that can should end soon. Nothing may
    /// depend on it but how much is done at a time.
    fn wanted(self) -> bool;

    // ----- lives -----

    /// Asks something of a VM.
    ///
    /// # Errors
    ///
    /// [`Error::State`] when its state does not allow it, [`Error::Busy`] when somebody else owns its end,
    /// [`Error::NoMemory`] when its tables do not fit.
    fn life(self, vm: VmId, request: Life) -> Result<Step, Error>;
    /// Completes when none of its vCPUs is on a core or in the midst of work at EL2: each is off, or paused at the boundary
    /// to the guest. Dropped without harm.
    fn stopped(self, vm: VmId) -> impl Future<Output = ()> + Send;
    /// Its state, one of [`abi::ops::state`].
    fn state(self, vm: VmId) -> u64;
    /// Cancels one suspended operation of a VM ([`continuation::Table::cancel_one`]).
    fn cancel_one(self, vm: VmId) -> Rest;
    /// Completes with a VM that [`Life::LetGo`] left. Dropped without harm: it is then still to be had.
    fn orphan(self) -> impl Future<Output = Orphan> + Send;

    // ----- the rest -----

    /// Hands at most 128 bytes to a VM's console; how many it took. Sleeps not and spins not.
    fn console(self, vm: VmId, text: &[u8]) -> usize;
    /// Completes when a VM's console may take more. Dropped without harm.
    fn console_room(self, vm: VmId) -> impl Future<Output = ()> + Send;
    /// Makes an SPI of a VM pending, as an edge. No lock of this trait is held.
    fn ring(self, vm: VmId, intid: u32);
    /// The heap has pages to scrub: whoever waits in [`until_dirty`](Self::until_dirty) goes on. May be called in vain.
    fn note_dirty(self);
    /// Completes after a [`note_dirty`](Self::note_dirty), which is not lost if it came first. May complete in vain.
    fn until_dirty(self) -> impl Future<Output = ()> + Send;
    /// A figure that is not the heap's, one of [`abi::ops::stat`]; `None` when there is none of that number.
    fn stat(self, vm: VmId, which: u64) -> Option<u64>;
}
