//! Grants and copies between VMs, and doorbells.

mod fake;

use abi::ops::{self, copy, error, grant};
use fake::{Fake, MIB2, OWN, PAGE, WINDOW, leave_always};
use hypercall::VmId;

const AT: u64 = WINDOW.start;

fn share(fake: Fake, from: u8, ipa: u64, pages: u64, to: u8, flags: u64) -> u64 {
    let (status, name) = fake.ask(from, ops::GRANT, &[ipa, pages, to.into(), flags, 77]);
    assert_eq!(status, 0);
    name
}

/// Makes a list of copies in `vm`'s memory and runs it.
fn copies(fake: Fake, vm: u8, list: &[[u64; 5]]) -> ((i64, u64), Vec<i64>) {
    let at = OWN + 60 * PAGE;
    for (index, entry) in (0..).zip(list) {
        let [a, b, c, d, e] = *entry;
        fake.poke_words(vm, at + index * 48, &[a, b, c, d, e, 99]);
    }
    let reply = fake.ask(vm, ops::GRANT_COPY, &[at, list.len() as u64]);
    let status = |index| fake.word(vm, at + index * 48 + copy::STATUS as u64 * 8) as i64;
    (reply, (0..list.len() as u64).map(status).collect())
}

#[test]
fn a_grant_is_found_by_its_tag_and_mapped_page_by_page() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(1, ops::POPULATE, &[AT, MIB2]);
    fake.poke(1, AT + 9 * PAGE, b"hello");
    let name = share(fake, 1, AT + 8 * PAGE, 20, 2, grant::WRITE);
    assert_eq!(
        fake.call(2, ops::GRANT_FIND, &[1, 77]).x,
        [0, name, 20, grant::WRITE]
    );
    assert_eq!(fake.ask(3, ops::GRANT_FIND, &[1, 77]), (error::NO_GRANT, 0));
    assert_eq!(fake.ask(2, ops::GRANT_MAP, &[name, AT]), (0, 20));
    assert_eq!(fake.peek(2, AT + PAGE, 5), b"hello");
    fake.poke(2, AT + PAGE, b"howdy");
    assert_eq!(fake.peek(1, AT + 9 * PAGE, 5), b"howdy");
    assert!(!fake.translate(2, AT).unwrap().attributes.executable);
    fake.check();
    assert_eq!(fake.ask(1, ops::UNGRANT, &[name]).0, error::BUSY);
    assert_eq!(fake.ask(2, ops::GRANT_UNMAP, &[name]), (0, 0));
    assert_eq!(fake.translate(2, AT), None);
    assert_eq!(fake.ask(1, ops::UNGRANT, &[name]).0, 0);
    assert_eq!(fake.ask(1, ops::RECLAIM, &[AT, MIB2]), (0, MIB2));
    fake.check();
}

/// Whether the block that holds them is taken back whole, from its middle on, or not to its end.
#[test]
fn what_lies_before_the_first_granted_page_of_a_block_is_taken_back() {
    for function in [ops::RECLAIM, ops::UNMAP] {
        for [from, to] in [[0, 512], [0, 12], [3, 512], [3, 12]] {
            let fake = Fake::new(4);
            fake.call(1, ops::POPULATE, &[AT, MIB2]);
            share(fake, 1, AT + 8 * PAGE, 2, 2, 0);
            assert_eq!(
                fake.ask(1, function, &[AT + from * PAGE, (to - from) * PAGE]),
                (error::PINNED, (8 - from) * PAGE),
                "{function:#x}, pages {from} to {to}"
            );
            fake.check();
        }
    }
}

#[test]
fn a_granted_page_in_a_later_block_of_the_same_step_is_not_taken_back() {
    for function in [ops::RECLAIM, ops::UNMAP] {
        let fake = Fake::new(4);
        fake.call(1, ops::POPULATE, &[AT, 3 * MIB2]);
        let page = AT + MIB2 + 8 * PAGE;
        share(fake, 1, page, 1, 2, 0);
        let there = fake.translate(1, page).map(|found| found.pa);
        assert_eq!(
            fake.ask(1, function, &[AT, 3 * MIB2]),
            (error::PINNED, MIB2 + 8 * PAGE),
            "{function:#x}"
        );
        assert_eq!(fake.translate(1, page).map(|found| found.pa), there);
        fake.check();
    }
}

#[test]
fn granted_pages_cannot_be_taken_back_and_the_others_can() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(1, ops::POPULATE, &[AT, MIB2]);
    let name = share(fake, 1, AT + 8 * PAGE, 2, 2, 0);
    assert_eq!(
        fake.ask(1, ops::RECLAIM, &[AT, MIB2]),
        (error::PINNED, 8 * PAGE),
        "a block up to the first granted page"
    );
    fake.check();
    assert_eq!(
        fake.ask(1, ops::RECLAIM, &[AT + 8 * PAGE, 2 * PAGE]),
        (error::PINNED, 0)
    );
    assert_eq!(
        fake.ask(1, ops::UNMAP, &[AT, MIB2]),
        (error::PINNED, 8 * PAGE)
    );
    assert_eq!(
        fake.ask(1, ops::RECLAIM, &[AT + 10 * PAGE, 5 * PAGE]),
        (0, 5 * PAGE)
    );
    fake.call(1, ops::UNGRANT, &[name]);
    assert_eq!(fake.ask(1, ops::UNMAP, &[AT, MIB2]), (0, MIB2));
    assert_eq!(fake.held(1), 0);
    fake.check();
}

#[test]
fn only_own_memory_can_be_shared_and_only_by_its_owner() {
    let fake = Fake::new(4);
    fake.call(1, ops::POPULATE, &[AT, 4 * PAGE]);
    let name = share(fake, 1, AT, 2, 2, 0);
    for (ipa, pages, to, flags) in [
        (AT, 0, 2, 0),
        (AT + 8, 1, 2, 0),
        (AT, 1 << 19, 2, 0),
        (!0xfff, 1, 2, 0),
        (AT, 1, 1, 0),
        (AT, 1, 2, 2),
        (AT, !0, 2, 0),
        (AT, 1 << 52, 2, 0),
    ] {
        assert_eq!(
            fake.ask(1, ops::GRANT, &[ipa, pages, to, flags, 0]).0,
            error::INVALID
        );
    }
    assert_eq!(fake.ask(1, ops::GRANT, &[AT, 1, 4, 0, 0]).0, error::NO_VM);
    assert_eq!(fake.ask(1, ops::GRANT, &[AT, 1, 256, 0, 0]).0, error::NO_VM);
    assert_eq!(fake.ask(3, ops::GRANT_MAP, &[name, AT]).0, error::NO_GRANT);
    assert_eq!(fake.ask(1, ops::GRANT_MAP, &[name, AT]).0, error::NO_GRANT);
    assert_eq!(fake.ask(2, ops::UNGRANT, &[name]).0, error::NO_GRANT);
    for wrong in [
        0,
        !0,
        name + 1,
        name ^ 1 << 8,
        name ^ 1 << 32,
        name | 1 << 31,
    ] {
        assert_eq!(
            fake.ask(2, ops::GRANT_MAP, &[wrong, AT]).0,
            error::NO_GRANT,
            "{wrong:#x}"
        );
    }
    assert_eq!(fake.ask(2, ops::GRANT_MAP, &[name, OWN]).0, error::DENIED);
    assert_eq!(fake.ask(2, ops::GRANT_MAP, &[name, AT]), (0, 2));
    assert!(!fake.translate(2, AT).unwrap().attributes.writable);
    // What came by a grant is not passed on, nor given back.
    let onward = share(fake, 2, AT, 1, 3, 0);
    assert_eq!(
        fake.ask(3, ops::GRANT_MAP, &[onward, AT]),
        (error::ADDRESS, 0)
    );
    assert_eq!(
        fake.ask(2, ops::RECLAIM, &[AT, PAGE]).0,
        error::NOT_POPULATED
    );
    assert_eq!(fake.ask(2, ops::UNMAP, &[AT, 2 * PAGE]).0, 0);
    assert!(fake.translate(2, AT).is_some());
    fake.check();
}

#[test]
fn a_reference_that_was_withdrawn_never_means_another_grant() {
    let fake = Fake::new(1);
    let first = share(fake, 1, OWN, 1, 2, 0);
    fake.call(1, ops::UNGRANT, &[first]);
    let second = share(fake, 1, OWN, 1, 2, 0);
    assert_ne!(first, second);
    assert_eq!(fake.ask(2, ops::GRANT_MAP, &[first, AT]).0, error::NO_GRANT);
    for _ in 1..ops::limits::GRANTS {
        share(fake, 1, OWN, 1, 2, 0);
    }
    assert_eq!(fake.ask(1, ops::GRANT, &[OWN, 1, 2, 0, 0]).0, error::FULL);
}

#[test]
fn a_half_mapped_grant_is_finished_or_undone_and_nothing_else() {
    let fake = Fake::new(1);
    let name = share(fake, 1, OWN, 30, 2, 0);
    leave_always();
    let handle = fake.begin(2, ops::GRANT_MAP, &[name, AT]).unwrap_err();
    fake.resume(2, handle).unwrap_err();
    fake.abandon(2);
    fake.check();
    let mapped = fake.leaves(2).len();
    assert!((1..30).contains(&mapped));
    assert_eq!(
        fake.ask(2, ops::GRANT_MAP, &[name, AT + MIB2]).0,
        error::BUSY
    );
    assert_eq!(fake.ask(1, ops::UNGRANT, &[name]).0, error::BUSY);
    assert_eq!(fake.ask(2, ops::GRANT_MAP, &[name, AT]), (0, 30));
    let handle = fake.begin(2, ops::GRANT_UNMAP, &[name]).unwrap_err();
    assert_eq!(
        fake.ask(2, ops::GRANT_MAP, &[name, AT]).0,
        error::BUSY,
        "it is being unmapped"
    );
    fake.check();
    let _ = fake.resume(2, handle);
    fake.abandon(2);
    assert_eq!(fake.ask(2, ops::GRANT_UNMAP, &[name]), (0, 0));
    assert_eq!(fake.ask(2, ops::GRANT_MAP, &[name, AT + MIB2]), (0, 30));
    fake.check();
}

#[test]
fn copies_go_between_own_memory_and_grants_at_any_alignment() {
    let fake = Fake::new(4);
    leave_always();
    let name = share(fake, 1, OWN, 4, 2, grant::WRITE);
    let text: Vec<u8> = (0..9000u32).map(|n| (n % 251) as u8).collect();
    fake.poke(2, OWN + 100, &text);
    let (reply, status) = copies(
        fake,
        2,
        &[
            [copy::OWN, OWN + 100, name, 33, 9000],
            [name, 33, copy::OWN, OWN + 10 * PAGE + 5, 9000],
            [copy::OWN, OWN + 100, copy::OWN, OWN + 20 * PAGE, 0],
        ],
    );
    assert_eq!((reply, status), ((0, 3), vec![0, 0, 0]));
    assert_eq!(fake.peek(1, OWN + 33, 9000), text);
    assert_eq!(fake.peek(2, OWN + 10 * PAGE + 5, 9000), text);
}

#[test]
fn a_copy_that_interrupts_cut_short_goes_on_where_it_was() {
    let fake = Fake::new(4);
    leave_always();
    fake::interrupts_come();
    let name = share(fake, 1, OWN, 4, 2, grant::WRITE);
    let text: Vec<u8> = (0..9000u32).map(|n| (n % 251) as u8).collect();
    fake.poke(2, OWN + 96, &text);
    let list = [
        [copy::OWN, OWN + 96, name, 32, 9000],
        [name, 32, copy::OWN, OWN + 10 * PAGE, 9000],
        [name, 32, copy::OWN, OWN + 20 * PAGE + 5, 9000],
    ];
    assert_eq!(copies(fake, 2, &list), ((0, 3), vec![0, 0, 0]));
    assert_eq!(fake.peek(2, OWN + 10 * PAGE, 9000), text);
    assert_eq!(fake.peek(2, OWN + 20 * PAGE + 5, 9000), text);
}

#[test]
fn a_refused_copy_has_its_status_and_the_list_goes_on() {
    let fake = Fake::new(4);
    leave_always();
    let read_only = share(fake, 1, OWN, 1, 2, 0);
    let (reply, status) = copies(
        fake,
        2,
        &[
            [read_only, PAGE - 1, copy::OWN, OWN, 2],
            [copy::OWN, OWN, read_only, 0, 8],
            [copy::OWN, OWN, copy::OWN, AT, 8],
            [12345, 0, copy::OWN, OWN, 8],
            [copy::OWN, !0, copy::OWN, OWN, 2],
            [copy::OWN, OWN, copy::OWN, OWN + PAGE, copy::MAX_LENGTH + 1],
            [read_only, 0, read_only, 0, 8],
            [read_only, 0, copy::OWN, OWN, 8],
        ],
    );
    assert_eq!(reply, (0, 8));
    use error::*;
    assert_eq!(
        status,
        [
            INVALID, NO_GRANT, ADDRESS, NO_GRANT, INVALID, INVALID, INVALID, 0
        ]
    );
}

#[test]
fn doorbells_ring_for_the_vm_they_are_bound_to_and_no_other() {
    let fake = Fake::new(1);
    assert_eq!(fake.ask(1, ops::EVENT_BIND, &[3, 2, 40]).0, 0);
    assert_eq!(fake.ask(1, ops::EVENT_BIND, &[3, 2, 41]).0, error::BUSY);
    for (port, vm, intid) in [
        (32, 2, 40),
        (4, 2, 31),
        (4, 2, 64),
        (4, 1, 40),
        (4, 2, 1 << 32 | 40),
    ] {
        assert_eq!(
            fake.ask(1, ops::EVENT_BIND, &[port, vm, intid]).0,
            error::INVALID
        );
    }
    assert_eq!(fake.ask(1, ops::EVENT_BIND, &[4, 9, 40]).0, error::NO_VM);
    assert_eq!(fake.ask(2, ops::EVENT_SEND, &[1, 3]).0, 0);
    assert_eq!(fake.ask(3, ops::EVENT_SEND, &[1, 3]).0, error::NO_PORT);
    assert_eq!(fake.ask(2, ops::EVENT_SEND, &[1, !0]).0, error::NO_PORT);
    assert_eq!(*fake.0.rings.lock().unwrap(), [(VmId(1), 40)]);
    assert_eq!(fake.ask(1, ops::EVENT_UNBIND, &[3]).0, 0);
    assert_eq!(fake.ask(1, ops::EVENT_UNBIND, &[3]).0, error::NO_PORT);
    fake.call(1, ops::EVENT_BIND, &[3, 3, 40]);
    assert_eq!(
        fake.ask(2, ops::EVENT_SEND, &[1, 3]).0,
        error::NO_PORT,
        "bound anew, to another"
    );
    for port in 10..20 {
        fake.call(1, ops::EVENT_BIND, &[port, 2, 40]);
    }
    leave_always();
    assert_eq!(fake.ask(1, ops::EVENT_RESET, &[]), (0, 11));
    assert_eq!(fake.ask(1, ops::EVENT_RESET, &[]), (0, 0));
    assert_eq!(fake.ask(2, ops::EVENT_SEND, &[1, 12]).0, error::NO_PORT);
}
