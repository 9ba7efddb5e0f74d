//! Random histories: operations of three VMs begun, left at any checkpoint, resumed in any order, abandoned, their VMs reset
//! and destroyed half way through, by operations that are themselves left and abandoned.
//!
//! What must hold at the end, whatever happened: accounts exact, no page with two owners, none mapped that is free, every
//! foreign page mapped by a grant that says so; and after the last VM is gone, everything is back.

mod fake;

use abi::ops::{self, state};
use fake::{Fake, MIB2, OWN, PAGE, WINDOW, leave_after, leave_never};
use hypercall::{GrantRef, reaper, scrubber};
use proptest::prelude::*;

const AT: u64 = WINDOW.start;
/// Where the lists are.
const LIST: u64 = OWN + 32 * PAGE;

#[derive(Clone, Debug)]
enum Act {
    /// Begin an operation of a VM, leave it after so many checkpoints.
    Begin(u8, Op, u32),
    /// Go on with one of those that are suspended.
    Resume(prop::sample::Index, u32),
    /// The guest never resumes its oldest.
    Abandon(u8),
    /// The background tasks have time.
    Tasks,
}

#[derive(Clone, Debug)]
enum Op {
    Populate(u64, u64, u64),
    Reclaim(u64, u64),
    Unmap(u64, u64),
    Grant(bool, u64, u64, u8),
    Ungrant(u8),
    Map(u8, u8, u64),
    UnmapGrant(u8, u8),
    Copy(u8, u64, u64, u64),
    Multi(u64, u64),
    Destroy(u8),
    Reset(u8),
    Create(u8),
}

fn op() -> impl Strategy<Value = Op> {
    // Pages around an extent's border, and whole extents.
    let place = prop_oneof![4 => 0u64..8, 2 => 505u64..520, 1 => Just(512), 1 => Just(1024)];
    let length = prop_oneof![4 => 1u64..20, 2 => Just(512u64), 1 => 500u64..1100];
    prop_oneof![
        10 => (place.clone(), length.clone(), 0u64..2).prop_map(|(a, n, f)| Op::Populate(a, n, f)),
        5 => (place.clone(), length.clone()).prop_map(|(a, n)| Op::Reclaim(a, n)),
        3 => (place.clone(), length).prop_map(|(a, n)| Op::Unmap(a, n)),
        6 => (any::<bool>(), place.clone(), 1u64..20, 0u8..9).prop_map(|(o, a, n, to)| Op::Grant(o, a, n, to)),
        2 => (0u8..4).prop_map(Op::Ungrant),
        8 => (0u8..9, 0u8..3, place.clone()).prop_map(|(vm, n, a)| Op::Map(vm, n, a)),
        2 => (0u8..6, 0u8..4).prop_map(|(vm, n)| Op::UnmapGrant(vm, n)),
        2 => (0u8..4, place, 0u64..5000, 0u64..9000).prop_map(|(n, a, at, len)| Op::Copy(n, a, at, len)),
        2 => (0u64..600, 1u64..20).prop_map(|(a, n)| Op::Multi(a, n)),
        1 => (1u8..4).prop_map(Op::Destroy),
        1 => (1u8..4).prop_map(Op::Reset),
        2 => (1u8..4).prop_map(Op::Create),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1u8..4, op(), 0u32..40).prop_map(|(vm, op, pauses)| Act::Begin(vm, op, pauses)),
        6 => (any::<prop::sample::Index>(), 0u32..60).prop_map(|(which, pauses)| Act::Resume(which, pauses)),
        1 => (0u8..4).prop_map(Act::Abandon),
        1 => Just(Act::Tasks),
    ]
}

/// The name of a VM's grant in slot `slot`, of the first generations: wrong ones are part of the game.
fn name(vm: u8, slot: u8) -> u64 {
    GrantRef(u64::from(slot / 2) << 32 | (u64::from(vm) + 1) << 8 | u64::from(slot % 2)).0
}

/// Begins an operation; VMs are told what to do by VM 0.
fn begin(fake: Fake, vm: u8, op: &Op) -> Option<(u8, Result<hypercall::Reply, u64>)> {
    let at = |page: u64| AT + page * PAGE;
    let call = |vm: u8, function, arguments: &[u64]| {
        let runs = vm == 0 || fake.state_of(vm).state == state::RUNNING;
        runs.then(|| (vm, fake.begin(vm, function, arguments)))
    };
    let maker = |owner: u8| {
        if (1..4).contains(&owner) {
            owner
        } else {
            (vm + 1) % 3 + 1
        }
    };
    let grown = |grant: u64| at(3 * 512 + grant);
    match *op {
        Op::Populate(page, pages, flags) => {
            call(vm, ops::POPULATE, &[at(page), pages * PAGE, flags])
        }
        Op::Reclaim(page, pages) => call(vm, ops::RECLAIM, &[at(page), pages * PAGE]),
        Op::Unmap(page, pages) => call(vm, ops::UNMAP, &[at(page), pages * PAGE]),
        Op::Grant(own, page, pages, to) => {
            let ipa = if own { OWN + page % 8 * PAGE } else { at(page) };
            // Mostly to the next VM, which looks for it there.
            let to = if to < 4 && to != 0 && to != vm {
                to
            } else {
                vm % 3 + 1
            };
            call(vm, ops::GRANT, &[ipa, pages, to.into(), 1, 0])
        }
        Op::Ungrant(slot) => call(vm, ops::UNGRANT, &[name(vm, slot)]),
        Op::Map(owner, slot, page) => {
            call(vm, ops::GRANT_MAP, &[name(maker(owner), slot), grown(page)])
        }
        Op::UnmapGrant(owner, slot) => call(vm, ops::GRANT_UNMAP, &[name(maker(owner), slot)]),
        Op::Copy(slot, page, offset, length) => {
            let owner = (vm + 1) % 3 + 1;
            if fake.state_of(vm).state != state::RUNNING {
                return None;
            }
            fake.poke_words(
                vm,
                LIST,
                &[name(owner, slot), offset, 0, at(page), length, 0],
            );
            call(vm, ops::GRANT_COPY, &[LIST, 1])
        }
        Op::Multi(page, pages) => {
            if fake.state_of(vm).state != state::RUNNING {
                return None;
            }
            let bytes = pages * PAGE;
            let list = [
                [u64::from(ops::POPULATE), at(page), bytes, 0],
                [u64::from(ops::RECLAIM), at(page), bytes, 0],
            ];
            for (index, words) in (0..).zip(list) {
                fake.poke_words(vm, LIST + 88 * index, &words);
            }
            call(vm, ops::MULTICALL, &[LIST, 2])
        }
        Op::Destroy(target) => call(0, ops::VM_DESTROY, &[target.into()]),
        Op::Reset(target) => call(0, ops::VM_RESET, &[target.into()]),
        Op::Create(target) => {
            fake.call(0, ops::VM_CREATE, &[target.into()]);
            call(0, ops::VM_START, &[target.into()])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_page_is_accounted_for(acts in prop::collection::vec(act(), 1..120)) {
        let fake = Fake::new(5);
        fake::interrupts_come();
        fake.0.tasks.add("scrubber", 0, |cx| scrubber(fake, cx)).unwrap();
        fake.0.tasks.add("reaper", 0, |cx| reaper(fake, cx)).unwrap();
        let mut suspended = Vec::<(u8, u64)>::new();
        for act in &acts {
            let polled = match act {
                Act::Begin(vm, op, pauses) => {
                    leave_after(*pauses);
                    begin(fake, *vm, op)
                }
                Act::Resume(which, pauses) if !suspended.is_empty() => {
                    let (vm, handle) = suspended.swap_remove(which.index(suspended.len()));
                    leave_after(*pauses);
                    // It may have been abandoned.
                    let gone = fake.0.ops[usize::from(vm)].resume(0, handle).map(fake::poll);
                    gone.ok().map(|polled| (vm, polled))
                }
                Act::Abandon(vm) => {
                    fake.abandon(*vm);
                    None
                }
                Act::Tasks => {
                    leave_after(30);
                    fake.0.tasks.poll_ready(|| true);
                    None
                }
                Act::Resume(..) => None,
            };
            if let Some((vm, Err(handle))) = polled {
                suspended.push((vm, handle));
            }
        }
        leave_never();
        for vm in 0..4 {
            while fake.0.ops[usize::from(vm)].suspended() != 0 {
                fake.abandon(vm);
            }
        }
        fake.settle();
        fake.check();
        for vm in 1..4 {
            fake.ask(0, ops::VM_DESTROY, &[vm.into()]);
            prop_assert_eq!(fake.state_of(vm).state, state::ABSENT);
            prop_assert_eq!(fake.held(vm), 0);
            prop_assert_eq!(fake.0.spaces[usize::from(vm)].lock().unwrap().tables.used(), 0);
            fake.check();
        }
        fake.settle();
        let usage = fake.usage();
        prop_assert_eq!((usage.free, usage.dirty, usage.held), (usage.total, 0, 0));
        prop_assert_eq!(usage.total, 5 * (MIB2 / PAGE) as u32);
    }
}
