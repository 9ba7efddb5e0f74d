//! From a function identifier to its operation, and what the small ones do.

use abi::ops::{self, limits::PORTS, multi, stat};
use continuation::Cx;
use frames::Chunks;
use tables::Permissions;

use crate::sharing::vm_number;
use crate::{
    Error, GrantRef, GuestSlice, Life, Machine, Reply, VmId, access, life, memory, sharing,
};

/// A call of a VM: x0, and x1 to x6.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The function identifier.
    pub function: u32,
    /// The arguments.
    pub arguments: [u64; 6],
}

impl Call {
    /// Whether it is one of this crate's. [`ops::RESUME`] is not: it is the continuation table's.
    #[must_use]
    pub const fn is_operation(function: u32) -> bool {
        matches!(
            function,
            ops::POPULATE..=ops::CACHE_CLEAN
                | ops::GRANT..=ops::GRANT_COPY
                | ops::VM_CREATE..=ops::VM_STATUS
                | ops::EVENT_BIND..=ops::EVENT_RESET
                | ops::CONSOLE_WRITE
                | ops::MULTICALL
                | ops::BURN
                | ops::STATS
        )
    }

    /// What a VM must be allowed to do for it; whom it controls is asked apart.
    const fn needs(function: u32) -> Permissions {
        match function {
            ops::POPULATE..=ops::UNMAP => Permissions::POPULATE,
            ops::CACHE_CLEAN => Permissions::CACHE,
            ops::GRANT..=ops::GRANT_COPY => Permissions::GRANT,
            ops::EVENT_BIND..=ops::EVENT_RESET => Permissions::EVENT,
            ops::CONSOLE_WRITE => Permissions::CONSOLE,
            ops::BURN | ops::STATS => Permissions::DEBUG,
            _ => Permissions::NONE,
        }
    }
}

/// One hypercall of `vm`, from its arguments to its reply: what to put into a continuation table.
pub async fn operation<M: Machine>(
    machine: M,
    mut cx: Cx<M::Driver>,
    vm: VmId,
    call: Call,
) -> Reply {
    if call.function == ops::MULTICALL {
        let [ipa, count, ..] = call.arguments;
        let mut done = 0;
        let outcome = multicall(machine, &mut cx, vm, ipa, count, &mut done).await;
        Reply::of(outcome, [done, 0, 0])
    } else {
        single(machine, &mut cx, vm, call).await
    }
}

/// [`ops::MULTICALL`].
async fn multicall<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    ipa: u64,
    count: u64,
    done: &mut u64,
) -> Result<(), Error> {
    let mut list = GuestSlice::<M, { multi::SIZE / 8 }>::new(machine, vm, ipa, count)?;
    while let Some(element) = list.next() {
        let [function, x1, x2, x3, x4, x5, x6, ..] = element?;
        let call = Call {
            function: function as u32,
            arguments: [x1, x2, x3, x4, x5, x6],
        };
        let reply = single(machine, cx, vm, call).await;
        if reply == Reply::from(Error::Cancelled) || cx.cancelled() {
            return Err(Error::Cancelled);
        }
        list.answer(multi::RESULTS, &reply.x)?;
        *done = done.saturating_add(1);
        cx.work(1).await?;
    }
    Ok(())
}

/// Any call but a multicall.
async fn single<M: Machine>(machine: M, cx: &mut Cx<M::Driver>, vm: VmId, call: Call) -> Reply {
    let Call {
        function,
        arguments: [x1, x2, x3, x4, x5, _],
    } = call;
    if !machine.may(vm, Call::needs(function)) {
        return Error::Denied.into();
    }
    let mut r = [0; 3];
    let [r1, r2, _] = &mut r;
    let outcome = match function {
        ops::POPULATE => memory::populate(machine, cx, vm, [x1, x2, x3], r1).await,
        ops::RECLAIM => memory::reclaim(machine, cx, vm, [x1, x2], r1).await,
        ops::UNMAP => memory::unmap(machine, cx, vm, [x1, x2], [r1, r2]).await,
        ops::CACHE_CLEAN => memory::cache_clean(machine, cx, vm, [x1, x2], r1).await,
        ops::GRANT => sharing::make(machine, vm, [x1, x2, x3, x4, x5]).map(|name| *r1 = name.0),
        ops::UNGRANT => sharing::withdraw(machine, vm, GrantRef(x1)),
        ops::GRANT_FIND => sharing::find(machine, vm, [x1, x2]).map(|found| r = found),
        ops::GRANT_MAP => sharing::map(machine, cx, vm, GrantRef(x1), x2, r1).await,
        ops::GRANT_UNMAP => sharing::unmap(machine, cx, vm, GrantRef(x1), r1).await,
        ops::GRANT_COPY => sharing::copy(machine, cx, vm, [x1, x2], r1).await,
        ops::VM_CREATE..=ops::VM_STATUS => lives(machine, cx, vm, function, x1)
            .await
            .map(|found| r = found),
        ops::EVENT_BIND => bind(machine, vm, x1, x2, x3),
        ops::EVENT_SEND => send(machine, vm, x1, x2),
        ops::EVENT_UNBIND => machine.ports(vm, |ports| ports.unbind(x1)),
        ops::EVENT_RESET => unbind_all(machine, cx, vm, r1).await,
        ops::CONSOLE_WRITE => console(machine, cx, vm, [x1, x2], r1).await,
        ops::BURN => burn(machine, cx, x1, r1).await,
        ops::STATS => stats(machine, vm, x1).map(|value| *r1 = value),
        ops::MULTICALL | ops::RESUME => Err(Error::Nested),
        _ => Err(Error::NotSupported),
    };
    Reply::of(outcome, r)
}

/// The calls about another VM.
async fn lives<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    function: u32,
    target: u64,
) -> Result<[u64; 3], Error> {
    let target = vm_number(machine, target)?;
    if target == vm || !machine.controls(vm, target) {
        return Err(Error::Denied);
    }
    match function {
        ops::VM_CREATE => life::create(machine, cx, target).await?,
        ops::VM_START => life::ask(machine, cx, target, Life::Start).await?,
        ops::VM_PAUSE => life::pause(machine, cx, target).await?,
        ops::VM_RESUME => life::ask(machine, cx, target, Life::Resume).await?,
        ops::VM_RESET => life::end(machine, cx, target, true).await?,
        ops::VM_DESTROY => life::end(machine, cx, target, false).await?,
        _ => {
            let pages = machine.heap(|heap| heap.held_by(target.0));
            let grants = machine.grants(target, |grants| grants.len());
            return Ok([machine.state(target), pages.into(), grants as u64]);
        }
    }
    Ok([0; 3])
}

fn bind<M: Machine>(machine: M, vm: VmId, port: u64, peer: u64, intid: u64) -> Result<(), Error> {
    let peer = vm_number(machine, peer)?;
    let intid = u32::try_from(intid)
        .ok()
        .filter(|intid| machine.has_spi(vm, *intid));
    let intid = intid.filter(|_| peer != vm).ok_or(Error::Invalid)?;
    machine.ports(vm, |ports| ports.bind(port, peer, intid))
}

fn send<M: Machine>(machine: M, vm: VmId, target: u64, port: u64) -> Result<(), Error> {
    let target = vm_number(machine, target)?;
    let intid = machine.ports(target, |ports| ports.target(port, vm))?;
    machine.ring(target, intid);
    Ok(())
}

async fn unbind_all<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    done: &mut u64,
) -> Result<(), Error> {
    for port in 0..PORTS as u64 {
        if machine.ports(vm, |ports| ports.unbind(port)).is_ok() {
            *done = done.saturating_add(1);
        }
        cx.work(1).await?;
    }
    Ok(())
}

/// [`ops::CONSOLE_WRITE`]: what was read is written before more is read, so each byte is read once.
async fn console<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    vm: VmId,
    [ipa, bytes]: [u64; 2],
    done: &mut u64,
) -> Result<(), Error> {
    // A byte is printed in about 200 instructions, which is a unit of work.
    const PIECE: usize = 32;
    let end = ipa.checked_add(bytes).ok_or(Error::Invalid)?;
    if bytes != 0 && end > machine.ipa_size(vm) {
        return Err(Error::Invalid);
    }
    let mut buffer = [0; PIECE];
    while *done < bytes {
        let length = bytes.saturating_sub(*done).min(PIECE as u64) as usize;
        let (piece, _) = buffer.split_at_mut_checked(length).ok_or(Error::Invalid)?;
        access::read(machine, vm, ipa.saturating_add(*done), piece)?;
        let mut rest: &[u8] = piece;
        while !rest.is_empty() {
            let taken = machine.console(vm, rest);
            *done = done.saturating_add(taken as u64);
            rest = rest.get(taken..).unwrap_or_default();
            if taken == 0 {
                cx.wait(machine.console_room(vm)).await?;
            }
            cx.work(taken.max(1) as u32).await?;
        }
    }
    Ok(())
}

async fn burn<M: Machine>(
    machine: M,
    cx: &mut Cx<M::Driver>,
    units: u64,
    done: &mut u64,
) -> Result<(), Error> {
    while *done < units {
        machine.burn();
        *done = done.saturating_add(1);
        cx.work(1).await?;
    }
    Ok(())
}

fn stats<M: Machine>(machine: M, vm: VmId, which: u64) -> Result<u64, Error> {
    let usage = || machine.heap(|heap| heap.usage());
    Ok(match which {
        stat::HEAP_HELD => machine.heap(|heap| heap.held_by(vm.0)).into(),
        stat::HEAP_FREE => usage().free.into(),
        stat::HEAP_DIRTY => usage().dirty.into(),
        stat::SCRUBBED => usage().scrubbed,
        _ => machine.stat(vm, which).ok_or(Error::Invalid)?,
    })
}
