//! What broke the long operations of another hypervisor, one test for each advisory: what failed there, and what here
//! keeps it from failing. (xenbits.xen.org/xsa; the numbers are the advisories'.)
//!
//! The common ground: there, an operation that makes room for interrupts is written twice, once as work and once as a
//! transformation of its own arguments in the guest's registers, from which it is begun again. Here it is suspended, as it
//! is, and the guest holds a number.

mod fake;

use abi::ops::{self, copy, error, grant, limits, multi, state};
use fake::{Drive, Fake, MIB2, OWN, PAGE, WINDOW, leave_after, leave_always, leave_never, longest};
use hypercall::{Machine, VmId, reaper};

const AT: u64 = WINDOW.start;
const LIST: u64 = OWN + 40 * PAGE;

/// Goes on with an operation until it ends; what the guest does between two steps is `meanwhile`.
fn run(
    fake: Fake,
    vm: u8,
    mut at: Result<hypercall::Reply, u64>,
    mut meanwhile: impl FnMut(u32),
) -> (hypercall::Reply, u32) {
    let mut pauses = 0;
    loop {
        match at {
            Ok(reply) => return (reply, pauses),
            Err(handle) => {
                meanwhile(pauses);
                pauses += 1;
                at = fake.resume(vm, handle);
            }
        }
    }
}

fn poke_call(fake: Fake, vm: u8, index: u64, function: u32, arguments: &[u64]) {
    let mut words = vec![u64::from(function)];
    words.extend(arguments);
    words.resize(11, 0x5555);
    fake.poke_words(vm, LIST + index * multi::SIZE as u64, &words);
}

fn result(fake: Fake, vm: u8, index: u64, word: u64) -> u64 {
    fake.word(
        vm,
        LIST + index * multi::SIZE as u64 + (multi::RESULTS as u64 + word) * 8,
    )
}

/// XSA-58: error paths that had been made preemptible put pages away for later without keeping a reference to them, so
/// they were freed while still in use. Here what is put away for later is a value of the suspended operation, with one owner
/// and a `Drop`: at whatever checkpoint a populate ends, what it had in hand is given back once, and accounts agree.
#[test]
fn xsa_58_what_is_in_hand_is_given_back_once_wherever_an_operation_ends() {
    let fake = Fake::new(3);
    for pauses in (0..350).step_by(7) {
        leave_after(pauses);
        let begun = fake.begin(1, ops::POPULATE, &[AT, MIB2 + 8 * PAGE]);
        fake.abandon(1);
        leave_never();
        fake.check();
        fake.call(1, ops::UNMAP, &[AT, 4 * MIB2]);
        assert_eq!(
            (fake.held(1), fake.usage().free),
            (0, 1536),
            "after {pauses}"
        );
        if begun.is_ok() {
            return;
        }
    }
    panic!("never came to the end");
}

/// XSA-111: where a preempted call's arguments were translated between 32 and 64 bits, values that "cannot be" stopped the
/// host; a guest could put them there. Here nothing is translated: the operation has had its arguments since it began,
/// whatever happens to the registers, and whatever number a guest resumes has an answer.
#[test]
fn xsa_111_a_guest_that_resumes_what_it_likes_gets_an_answer_and_changes_nothing() {
    let fake = Fake::new(3);
    leave_always();
    let handle = fake.begin(1, ops::POPULATE, &[AT, MIB2]).unwrap_err();
    let table = &fake.0.ops[1];
    for wrong in [
        0,
        1,
        !0,
        handle + 1,
        handle ^ 1 << 8,
        handle ^ 1 << 48,
        handle ^ 1 << 63,
        handle << 8,
        0xffff_ffff,
    ] {
        assert!(table.resume(0, wrong).is_err(), "{wrong:#x}");
    }
    assert!(fake.0.ops[2].resume(0, handle).is_err(), "another VM's");
    let (reply, _) = run(fake, 1, Err(handle), |_| {});
    assert_eq!(reply.x, [0, MIB2, 0, 0]);
    fake.check();
}

/// XSA-125: the mapping of a long range of registers could not be preempted, since a continuation would have lost how
/// much was to be undone; so its length was limited. Here how far a mapping has come stands in the grant: it is as long as
/// it likes, bounded in its steps, and undone or finished by whoever comes next.
#[test]
fn xsa_125_a_long_mapping_pauses_and_how_far_it_came_is_known() {
    let fake = Fake::new(3);
    fake.call(1, ops::POPULATE, &[AT, 2 * MIB2]);
    let (_, name) = fake.ask(1, ops::GRANT, &[AT, 1024, 2, grant::WRITE, 0]);
    leave_always();
    let mut at = fake.begin(2, ops::GRANT_MAP, &[name, AT]);
    for _ in 0..100 {
        at = fake.resume(2, at.unwrap_err());
    }
    fake.abandon(2);
    fake.check();
    let mapped = fake.leaves(2).len() as u64;
    assert!((300..310).contains(&mapped));
    assert_eq!(fake.ask(2, ops::GRANT_UNMAP, &[name]), (0, 0));
    assert_eq!(fake.leaves(2), []);
    assert_eq!(
        fake.ask(2, ops::GRANT_MAP, &[name, AT + 8 * MIB2]),
        (0, 1024)
    );
    fake.check();
}

/// XSA-145 (Arm): a long call inside a multicall tried to rewind the guest's program counter, found no call there, and
/// stopped the host. Here a call inside a multicall pauses as every other; what pauses is the multicall.
#[test]
fn xsa_145_long_calls_pause_inside_a_multicall() {
    let fake = Fake::new(3);
    leave_always();
    poke_call(fake, 1, 0, ops::POPULATE, &[AT, MIB2, 0]);
    poke_call(fake, 1, 1, ops::CACHE_CLEAN, &[AT, MIB2]);
    poke_call(fake, 1, 2, ops::BURN, &[30]);
    let begun = fake.begin(1, ops::MULTICALL, &[LIST, 3]);
    let (reply, pauses) = run(fake, 1, begun, |_| {});
    assert_eq!(reply.x[..2], [0, 3]);
    assert!(pauses > 300);
    assert_eq!([0, 1, 2].map(|n| result(fake, 1, n, 0)), [0, 0, 0]);
    assert_eq!([0, 1, 2].map(|n| result(fake, 1, n, 1)), [MIB2, MIB2, 30]);
}

/// XSA-226 and 318: a copy's return value was changed before it was compared with "to be continued", so the rest was never
/// done, and the status fields of what was not done kept what the guest had there. Here being continued is no value. Each
/// status is written before the next element is read, and the count says how many were.
#[test]
fn xsa_226_318_every_element_of_a_preempted_copy_is_done_and_has_its_status() {
    let fake = Fake::new(3);
    let (_, name) = fake.ask(1, ops::GRANT, &[OWN, 4, 2, grant::WRITE, 0]);
    for element in 0..20u64 {
        let from = if element % 3 == 0 { 4 * PAGE } else { 0 };
        fake.poke_words(
            2,
            LIST + element * copy::SIZE as u64,
            &[name, from, copy::OWN, OWN + 4 * PAGE, 3 * PAGE, 0x7777],
        );
    }
    let status = |element: u64| fake.word(2, LIST + element * 48 + copy::STATUS as u64 * 8) as i64;
    leave_always();
    let mut fewest = 0;
    let begun = fake.begin(2, ops::GRANT_COPY, &[LIST, 20]);
    let (reply, pauses) = run(fake, 2, begun, |_| {
        let done = (0..20).filter(|n| status(*n) != 0x7777).count();
        assert!(done >= fewest);
        fewest = done;
    });
    assert_eq!((reply.x[..2].to_vec(), pauses > 20), (vec![0, 20], true));
    for element in 0..20 {
        let expected = if element % 3 == 0 { error::INVALID } else { 0 };
        assert_eq!(status(element), expected, "{element}");
    }
}

/// XSA-296: a guest could choose a value that did not fit the format of a continuation, which stopped the host. Here
/// progress is in variables of the operation's own, as wide as they need to be, whatever a guest asks for.
#[test]
fn xsa_296_no_argument_is_too_large_to_be_continued() {
    let fake = Fake::new(1);
    leave_always();
    for function in [
        ops::POPULATE,
        ops::RECLAIM,
        ops::UNMAP,
        ops::CACHE_CLEAN,
        ops::GRANT,
        ops::GRANT_MAP,
        ops::GRANT_COPY,
        ops::CONSOLE_WRITE,
        ops::MULTICALL,
        ops::BURN,
        ops::EVENT_BIND,
        ops::STATS,
    ] {
        for value in [
            !0,
            !0xfff,
            1 << 63,
            1 << 32,
            (1 << 32) - PAGE,
            i64::MAX as u64,
            u64::from(u32::MAX),
        ] {
            for arguments in [
                [value; 6],
                [AT, value, value, value, value, value],
                [value, PAGE, 0, 0, 0, 0],
            ] {
                let mut at = fake.begin(1, function, &arguments);
                for _ in 0..50 {
                    if let Err(handle) = at {
                        at = fake.resume(1, handle);
                    }
                }
                fake.abandon(1);
            }
        }
    }
    fake.call(1, ops::UNMAP, &[0, 1 << fake::IPA_BITS]);
    assert_eq!(fake.held(1), 0);
    fake.check();
}

/// XSA-299 and 310: an operation that was preempted in the middle left an object half way with a reference too many or too
/// few, and somebody else who came upon it counted wrongly. Here whatever is half way is a legal state of the object: every
/// pause of an unmapping is a moment at which all others may work, and everything agrees.
#[test]
fn xsa_299_310_at_every_pause_everything_agrees_and_others_may_go_on() {
    let fake = Fake::new(3);
    fake.call(1, ops::POPULATE, &[AT, MIB2]);
    let (_, name) = fake.ask(1, ops::GRANT, &[AT, 64, 2, grant::WRITE, 0]);
    leave_always();
    let begun = fake.begin(2, ops::GRANT_MAP, &[name, AT]);
    run(fake, 2, begun, |_| {
        fake.check();
        assert_eq!(fake.ask(1, ops::RECLAIM, &[AT, PAGE]).0, error::PINNED);
    });
    let begun = fake.begin(2, ops::GRANT_UNMAP, &[name]);
    run(fake, 2, begun, |_| {
        fake.check();
        assert_eq!(fake.ask(1, ops::RECLAIM, &[AT, PAGE]).0, error::PINNED);
        assert_eq!(fake.ask(2, ops::GRANT_MAP, &[name, AT]).0, error::BUSY);
    });
    assert_eq!(fake.ask(1, ops::UNGRANT, &[name]).0, 0);
    // Two who give the same memory back: each page goes once.
    let mut first = fake.begin(1, ops::RECLAIM, &[AT, MIB2 / 2]);
    let second = fake.begin(1, ops::UNMAP, &[AT, MIB2]);
    let (reply, _) = run(fake, 1, second, |_| {
        if let Err(handle) = first {
            first = fake.resume(1, handle);
        }
    });
    assert_eq!(reply.x[0], 0);
    fake.abandon(1);
    assert_eq!(fake.held(1), 0);
    fake.check();
}

/// XSA-344: resetting all event channels of a guest went through all of them in one piece, and so did destroying it. Here
/// a reset is one port a step, between checkpoints, and ports have a bound.
#[test]
fn xsa_344_resetting_all_doorbells_pauses() {
    let fake = Fake::new(1);
    for port in 0..limits::PORTS as u64 {
        assert_eq!(fake.ask(1, ops::EVENT_BIND, &[port, 2, 40]).0, 0);
    }
    leave_always();
    let begun = fake.begin(1, ops::EVENT_RESET, &[]);
    let (reply, pauses) = run(fake, 1, begun, |_| {});
    assert_eq!(reply.x[1], limits::PORTS as u64);
    assert_eq!(
        pauses,
        limits::PORTS as u32 / <Drive as continuation::Driver>::INTERVAL
    );
}

/// XSA-380: mapping, unmapping and accounting of grants went through lists that a guest could make long, without a pause.
/// Here a VM's grants are bounded, and whatever depends on how much a guest has is counted as work: no stretch is longer
/// than the interval, also when a VM with all its grants mapped is destroyed.
#[test]
fn xsa_380_destroying_a_vm_with_all_its_grants_mapped_pauses_throughout() {
    let fake = Fake::new(3);
    fake.call(1, ops::POPULATE, &[AT, MIB2]);
    for slot in 0..limits::GRANTS as u64 {
        let (_, name) = fake.ask(1, ops::GRANT, &[AT + slot * PAGE, 8, 2, 0, slot]);
        assert_eq!(
            fake.ask(2, ops::GRANT_MAP, &[name, AT + slot * 16 * PAGE]),
            (0, 8)
        );
    }
    fake.check();
    leave_always();
    longest();
    let begun = fake.begin(0, ops::VM_DESTROY, &[1]);
    let mut left = fake.leaves(2).len();
    let (reply, pauses) = run(fake, 0, begun, |_| {
        let now = fake.leaves(2).len();
        // INTERVAL steps of four pages.
        assert!(left - now <= 12, "{left} to {now} without a pause");
        left = now;
    });
    assert_eq!((reply.x[0], left), (0, 0));
    assert!(pauses > 30);
    assert_eq!(fake.usage().free, fake.usage().total);
    fake.check();
}

/// XSA-410: freeing the pages that had backed a guest's address space took as long as the guest was large, in one piece.
/// Here destruction is one code for the caller and for the background: a few leaves, then an extent a step.
#[test]
fn xsa_410_tearing_down_a_vms_memory_pauses_and_survives_its_destroyer() {
    let fake = Fake::new(3);
    fake.call(2, ops::POPULATE, &[AT, MIB2, ops::populate::PAGES]);
    leave_always();
    let mut at = fake.begin(0, ops::VM_DESTROY, &[2]);
    let mut before = 512;
    while let Err(handle) = at {
        let now = fake.leaves(2).len();
        assert!(before - now <= 12);
        before = now;
        if now < 256 {
            break;
        }
        at = fake.resume(0, handle);
    }
    // Its destroyer is gone; its memory is nobody else's until the last of it is unmapped.
    fake.abandon(0);
    assert_eq!(fake.held(2), 512);
    fake.0
        .tasks
        .add("reaper", 0, |cx| reaper(fake, cx))
        .unwrap();
    fake.settle();
    assert_eq!((fake.state_of(2).state, fake.held(2)), (state::ABSENT, 0));
    assert_eq!(fake.stat(VmId(0), ops::stat::SUSPENDED), Some(0));
    fake.check();
}

/// XSA-454: a guest that changed its mode between the call and its continuation met an assertion about the upper halves
/// of its registers. Here the upper half of a function identifier is ignored, arguments are 64 bits or refused, and a guest
/// that changes its list while an operation on it is suspended changes what has not been read, never what is being done.
#[test]
fn xsa_454_what_a_guest_changes_meanwhile_is_read_once_or_not_at_all() {
    let fake = Fake::new(3);
    poke_call(fake, 1, 0, ops::POPULATE, &[AT, MIB2, 0]);
    poke_call(fake, 1, 1, ops::STATS, &[ops::stat::HEAP_HELD]);
    fake.poke_words(1, LIST, &[0xffff_ffff_0000_0000 | u64::from(ops::POPULATE)]);
    leave_always();
    let begun = fake.begin(1, ops::MULTICALL, &[LIST, 2]);
    let (reply, _) = run(fake, 1, begun, |pause| {
        // The element that is being worked on, turned into its contrary.
        poke_call(fake, 1, 0, ops::RECLAIM, &[!0, !0, !0, !0, !0, !0]);
        if pause == 3 {
            poke_call(fake, 1, 1, 0xdead_beef, &[!0; 6]);
        }
    });
    assert_eq!(reply.x[..2], [0, 2]);
    assert_eq!(result(fake, 1, 1, 0) as i64, error::NOT_SUPPORTED);
    assert_eq!((fake.held(1), fake.leaves(1).len()), (512, 1));
    fake.check();
}
