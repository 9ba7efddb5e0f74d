//! The lives of VMs: made, started, paused, reset and destroyed by others, and cleared away by whoever is left with it.
//!
//! A VM's end has one owner at a time, and how far it has come stands in what is left of the VM. An operation that is
//! abandoned half way lets go, and [`reaper`] goes on where it stopped.

use abi::ops::limits::PORTS;
use continuation::{Cancelled, Cx, Rest};
use frames::Chunks;
use stage2::Stop;

use crate::{Error, Life, Machine, Step, VmId, access, sharing};

/// Leaves that one step unmaps.
const BATCH: usize = 4;

/// Asks until it is done.
pub(crate) async fn ask<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    request: Life,
) -> Result<(), Error> {
    while machine.life(vm, request)? == Step::Again {
        cx.work(1).await?;
    }
    Ok(())
}

/// [`abi::ops::VM_CREATE`].
pub(crate) async fn create<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
) -> Result<(), Error> {
    // Its root needs adjacent pages, which those that are about to come back may lie between.
    access::all_returned(machine, cx).await?;
    ask(machine, cx, vm, Life::Create).await
}

/// [`abi::ops::VM_PAUSE`].
pub(crate) async fn pause<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
) -> Result<(), Error> {
    machine.life(vm, Life::Pause)?;
    cx.wait(machine.stopped(vm)).await?;
    Ok(())
}

/// The end of a VM, owned.
struct End<M: Machine> {
    machine: M,
    vm: VmId,
    restart: bool,
    over: bool,
}

impl<M: Machine> End<M> {
    fn begin(machine: M, vm: VmId, restart: bool) -> Result<Self, Error> {
        machine.life(vm, if restart { Life::Reset } else { Life::Destroy })?;
        Ok(End {
            machine,
            vm,
            restart,
            over: false,
        })
    }

    /// Takes everything from it, then buries or restarts it.
    async fn finish(&mut self, cx: &mut Cx<M::Driver>) -> Result<(), Error> {
        let (machine, vm) = (self.machine, self.vm);
        // Twice: those that are being polled end at their next checkpoint, and only then do its vCPUs stand.
        cancel_all(machine, cx, vm).await?;
        cx.wait(machine.stopped(vm)).await?;
        while cancel_all(machine, cx, vm).await? == Rest::Polled {
            cx.wait(machine.stopped(vm)).await?;
            cx.checkpoint().await?;
        }
        revoke_all(machine, cx, vm).await?;
        forget_ports(machine, cx, vm).await?;
        let range = if self.restart {
            machine.window(vm)
        } else {
            0..machine.ipa_size(vm)
        };
        unmap_all(machine, cx, vm, range).await?;
        // Nobody reaches its pages any more.
        while machine.heap(|heap| heap.release_some(vm.0)).is_some() {
            machine.note_dirty();
            cx.work(1).await?;
        }
        let last = if self.restart {
            Life::Restart
        } else {
            Life::Bury
        };
        ask(machine, cx, vm, last).await?;
        self.over = true;
        Ok(())
    }
}

impl<M: Machine> Drop for End<M> {
    fn drop(&mut self) {
        if !self.over {
            // Never refused to its owner.
            let _ = self.machine.life(self.vm, Life::LetGo);
        }
    }
}

/// Cancels what is suspended, one by one; what is left.
async fn cancel_all<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
) -> Result<Rest, Cancelled> {
    loop {
        match machine.cancel_one(vm) {
            Rest::Suspended => cx.work(1).await?,
            rest => return Ok(rest),
        }
    }
}

/// Takes back the grants that it made, and those that were made to it.
async fn revoke_all<M: Machine>(machine: M, cx: &mut Cx<M::Driver>, vm: VmId) -> Result<(), Error> {
    for owner in (0..machine.vms()).map(VmId) {
        while sharing::revoke_some(machine, owner, |grant| owner == vm || grant.to == vm)? {
            cx.work(1).await?;
        }
        cx.work(1).await?;
    }
    Ok(())
}

/// Unbinds its ports, and those that are bound to it.
async fn forget_ports<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
) -> Result<(), Error> {
    for owner in (0..machine.vms()).map(VmId) {
        machine.ports(owner, |ports| {
            for port in 0..PORTS as u64 {
                if owner == vm {
                    let _ = ports.unbind(port);
                } else {
                    ports.forget(port, vm);
                }
            }
        });
        cx.work(1).await?;
    }
    Ok(())
}

/// Unmaps whatever a range shows. It stops nowhere: no leaf straddles the ends of a window or of the address space.
async fn unmap_all<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    range: core::ops::Range<u64>,
) -> Result<(), Error> {
    let mut at = range.start;
    while at < range.end {
        let stop = machine.space(vm, |space| {
            let (stage2, memory, tlb) = access::tables(space)?;
            let mut taken = [None; BATCH];
            let sweep = stage2.unmap_some(memory, tlb, at, range.end, &mut taken, |_| true)?;
            Ok::<_, Error>((sweep.stop, sweep.next))
        })?;
        at = match stop {
            (Stop::Hole(until), _) => until,
            (Stop::Straddles(leaf), _) => leaf.ipa.saturating_add(leaf.size),
            (_, next) => next,
        };
        cx.work(1).await?;
    }
    Ok(())
}

/// [`abi::ops::VM_DESTROY`] and [`abi::ops::VM_RESET`].
pub(crate) async fn end<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    restart: bool,
) -> Result<(), Error> {
    End::begin(machine, vm, restart)?.finish(cx).await
}

/// Background task: finishes what abandoned calls, and VMs that crashed, have left half done. Ends when cancelled.
pub async fn reaper<M: Machine>(machine: M, mut cx: Cx<M::Driver>) {
    while let Ok(orphan) = cx.wait(machine.orphan()).await {
        let mut end = End {
            machine,
            vm: orphan.vm,
            restart: orphan.restart,
            over: false,
        };
        match end.finish(&mut cx).await {
            Ok(()) => {}
            Err(Error::Cancelled) => return,
            // It cannot be finished, and letting go would bring it here again at once.
            Err(_) => end.over = true,
        }
    }
}
