//! A VM's own memory: populated, given back, unmapped, cleaned.

mod fake;

use abi::ops::{self, error, populate};
use fake::{Fake, HEAP, MIB2, OWN, PAGE, WINDOW, leave_always, longest};
use hypercall::{GuestSlice, Life, Machine, VmId};

const AT: u64 = WINDOW.start;

#[test]
fn what_interrupts_cut_short_is_taken_back_nevertheless() {
    let fake = Fake::new(4);
    leave_always();
    fake::interrupts_come();
    assert_eq!(fake.ask(1, ops::POPULATE, &[AT, 2 * MIB2]), (0, 2 * MIB2));
    assert_eq!(fake.ask(1, ops::UNMAP, &[AT + PAGE, MIB2]).0, 0);
    assert_eq!(fake.ask(1, ops::RECLAIM, &[AT, PAGE]), (0, PAGE));
    let rest = MIB2 - PAGE;
    let from = AT + MIB2 + PAGE;
    assert_eq!(fake.ask(1, ops::RECLAIM, &[from, rest]), (0, rest));
    fake.check();
}

#[test]
fn populated_memory_is_there_and_zero_in_the_largest_pieces_that_fit() {
    let fake = Fake::new(4);
    leave_always();
    let bytes = 2 * MIB2 + 3 * PAGE;
    assert_eq!(fake.ask(1, ops::POPULATE, &[AT, bytes]), (0, bytes));
    let sizes: Vec<_> = fake.leaves(1).iter().map(|(_, _, size)| *size).collect();
    assert_eq!(sizes, [MIB2, MIB2, PAGE, PAGE, PAGE]);
    for at in [0, 4095, MIB2, bytes - 1] {
        assert_eq!(fake.peek(1, AT + at, 1), [0]);
    }
    assert_eq!(fake.held(1), 1027);
    assert!(fake.translate(1, AT).unwrap().attributes.executable);
    let no_execute = populate::NO_EXECUTE | populate::PAGES;
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT + 8 * MIB2, 2 * PAGE, no_execute]),
        (0, 2 * PAGE)
    );
    assert!(
        !fake
            .translate(1, AT + 8 * MIB2)
            .unwrap()
            .attributes
            .executable
    );
    fake.check();
}

#[test]
fn between_checkpoints_lies_no_more_work_than_the_interval() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(1, ops::POPULATE, &[AT, MIB2 + 64 * PAGE]);
    fake.call(1, ops::CACHE_CLEAN, &[AT, MIB2]);
    fake.call(1, ops::UNMAP, &[AT, MIB2]);
    fake.call(1, ops::BURN, &[50]);
    fake.call(1, ops::CONSOLE_WRITE, &[OWN, 50 * PAGE]);
    // INTERVAL units and the one that follows; a read of text and its writing are two steps of a unit.
    assert!(longest() <= 6, "too many steps without a checkpoint");
}

#[test]
fn each_leaf_that_is_taken_back_counts_as_work() {
    let fake = Fake::new(2);
    let bytes = 64 * PAGE;
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT, bytes, populate::PAGES]).0,
        0
    );
    leave_always();
    let mut left = 0;
    let mut reply = fake.begin(1, ops::RECLAIM, &[AT, bytes]);
    while let Err(handle) = reply {
        left += 1;
        reply = fake.resume(1, handle);
    }
    // Fewer than two intervals of leaves in a stretch.
    assert!(left > 64 / 6, "left {left} times only");
}

#[test]
fn arguments_that_never_can_be_are_refused_before_anything_happens() {
    let fake = Fake::new(2);
    let top = 1 << fake::IPA_BITS;
    for (ipa, bytes) in [
        (AT + 1, PAGE),
        (AT, PAGE + 8),
        (AT, 0),
        (!0 << 12, 2 * PAGE),
        (AT, !0xfff),
        (top - PAGE, 2 * PAGE),
    ] {
        for function in [ops::POPULATE, ops::RECLAIM, ops::UNMAP, ops::CACHE_CLEAN] {
            assert_eq!(
                fake.ask(1, function, &[ipa, bytes]),
                (error::INVALID, 0),
                "{function:#x} {ipa:#x} {bytes:#x}"
            );
        }
    }
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT, PAGE, 4]),
        (error::INVALID, 0)
    );
    assert_eq!(fake.ask(1, ops::POPULATE, &[OWN, PAGE]), (error::DENIED, 0));
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[WINDOW.end - PAGE, 2 * PAGE]),
        (error::DENIED, 0)
    );
    assert_eq!(fake.held(1), 0);
}

#[test]
fn populating_what_is_there_stops_in_front_of_it_and_says_where() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(1, ops::POPULATE, &[AT + 5 * PAGE, PAGE]);
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT, MIB2]),
        (error::OVERLAP, 5 * PAGE)
    );
    assert_eq!(fake.held(1), 6);
    fake.check();
}

#[test]
fn an_exhausted_heap_and_a_quota_leave_what_was_populated() {
    let fake = Fake::new(2);
    leave_always();
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT, 4 * MIB2]),
        (error::NO_MEMORY, 2 * MIB2)
    );
    assert_eq!(fake.ask(1, ops::RECLAIM, &[AT, 2 * MIB2]), (0, 2 * MIB2));
    fake.0.heap.lock().unwrap().set_limit(1, 700);
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT, 4 * MIB2]),
        (error::QUOTA, 700 * PAGE)
    );
    assert_eq!(fake.held(1), 700);
    fake.check();
}

#[test]
fn tables_that_run_out_leave_no_page_behind() {
    let fake = Fake::new(2);
    let used = fake.0.spaces[1].lock().unwrap().tables.used();
    fake.0.spaces[1].lock().unwrap().tables.limit = used + 1;
    assert_eq!(
        fake.ask(1, ops::POPULATE, &[AT, PAGE]),
        (error::NO_MEMORY, 0)
    );
    assert_eq!(fake.held(1), 0);
    assert_eq!(fake.0.spaces[1].lock().unwrap().tables.used(), used);
    fake.check();
}

#[test]
fn part_of_a_block_can_be_given_back() {
    let fake = Fake::new(2);
    leave_always();
    fake.call(1, ops::POPULATE, &[AT, MIB2]);
    assert_eq!(
        fake.ask(1, ops::RECLAIM, &[AT + 7 * PAGE, 100 * PAGE]),
        (0, 100 * PAGE)
    );
    assert_eq!(fake.held(1), 412);
    assert_eq!(fake.translate(1, AT + 7 * PAGE), None);
    assert_eq!(
        fake.translate(1, AT + 6 * PAGE).unwrap().pa,
        HEAP + 6 * PAGE
    );
    assert_eq!(
        fake.translate(1, AT + 107 * PAGE).unwrap().pa,
        HEAP + 107 * PAGE
    );
    fake.check();
    assert_eq!(
        fake.ask(1, ops::RECLAIM, &[AT, 8 * PAGE]),
        (error::NOT_MAPPED, 7 * PAGE)
    );
    assert_eq!(fake.ask(1, ops::UNMAP, &[AT, MIB2]).0, 0);
    assert_eq!(fake.held(1), 0);
    fake.check();
}

#[test]
fn own_configured_memory_cannot_be_given_back() {
    let fake = Fake::new(2);
    assert_eq!(
        fake.ask(1, ops::RECLAIM, &[OWN, PAGE]),
        (error::NOT_POPULATED, 0)
    );
    assert_eq!(fake.ask(1, ops::UNMAP, &[OWN, PAGE]), (0, PAGE));
    assert!(fake.translate(1, OWN).is_some());
}

#[test]
fn unmapping_passes_over_holes_and_cleans_what_it_takes() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(1, ops::POPULATE, &[AT + PAGE, 2 * PAGE]);
    fake.call(1, ops::POPULATE, &[AT + 4 * MIB2, MIB2]);
    let all = fake.leaves(1);
    let [x0, x1, x2, _] = fake.call(1, ops::UNMAP, &[0, 1 << fake::IPA_BITS]).x;
    assert_eq!((x0, x1, x2), (0, 1 << fake::IPA_BITS, MIB2 + 2 * PAGE));
    for (_, pa, size) in all {
        for page in (pa..pa + size).step_by(PAGE as usize) {
            assert!(fake.0.cleaned.lock().unwrap().contains(&page));
        }
    }
    assert_eq!(fake.held(1), 0);
    fake.check();
}

#[test]
fn what_one_vm_leaves_another_never_reads() {
    let fake = Fake::new(1);
    fake.call(1, ops::POPULATE, &[AT, MIB2, populate::PAGES]);
    fake.poke(1, AT + 5 * PAGE + 17, b"secret");
    fake.call(1, ops::RECLAIM, &[AT, MIB2]);
    leave_always();
    fake.call(2, ops::POPULATE, &[AT, MIB2, populate::PAGES]);
    for page in 0..512 {
        assert!(
            fake.peek(2, AT + page * PAGE, 4096)
                .iter()
                .all(|byte| *byte == 0)
        );
    }
}

#[test]
fn cleaning_stops_at_what_is_not_there() {
    let fake = Fake::new(1);
    let end = OWN + fake::OWN_PAGES * PAGE;
    assert_eq!(
        fake.ask(1, ops::CACHE_CLEAN, &[end - 2 * PAGE, 4 * PAGE]),
        (error::NOT_MAPPED, 2 * PAGE)
    );
    assert_eq!(fake.0.cleaned.lock().unwrap().len(), 2);
}

#[test]
fn an_abandoned_populate_gives_back_what_it_had_in_hand() {
    let fake = Fake::new(4);
    leave_always();
    for pauses in [0, 1, 100, 171, 200] {
        let mut handle = fake.begin(1, ops::POPULATE, &[AT, 2 * MIB2]).unwrap_err();
        for _ in 0..pauses {
            handle = fake.resume(1, handle).unwrap_err();
        }
        fake.abandon(1);
        fake.check();
        fake.call(1, ops::UNMAP, &[AT, 2 * MIB2]);
        assert_eq!(fake.held(1), 0);
    }
}

#[test]
fn the_scrubber_cleans_ahead_and_populate_then_need_not() {
    let fake = Fake::new(2);
    fake.0
        .tasks
        .add("scrubber", 0, |cx| hypercall::scrubber(fake, cx))
        .unwrap();
    assert_eq!(fake.usage().dirty, 1024);
    leave_always();
    fake.0.tasks.run(0);
    assert!(fake.usage().dirty > 1000, "it pauses like everybody else");
    fake.settle();
    assert_eq!((fake.usage().dirty, fake.usage().scrubbed), (0, 1024));
    let counted = fake.usage();
    assert_eq!((counted.free, counted.held), (1024, 0));
    longest();
    assert_eq!(fake.ask(1, ops::POPULATE, &[AT, MIB2]), (0, MIB2));
    assert_eq!(longest(), 0, "nothing to scrub");
    fake.call(1, ops::RECLAIM, &[AT, PAGE]);
    assert_eq!(fake.usage().dirty, 1);
    fake.settle();
    assert_eq!(fake.usage().dirty, 0);
}

#[test]
fn a_list_is_read_in_turn_across_pages_and_checked_before() {
    let fake = Fake::new(1);
    let list = |ipa, count| GuestSlice::<Fake, 3>::new(fake, VmId(1), ipa, count);
    for (ipa, count) in [
        (OWN + 4, 1),
        (!7, 1),
        (!0 - 15, 2),
        (1 << 32, 1),
        (OWN, 1025),
        (OWN, !0),
        (OWN, 1 << 61),
    ] {
        assert_eq!(
            list(ipa, count).err(),
            Some(hypercall::Error::Invalid),
            "{ipa:#x} {count:#x}"
        );
    }
    assert!(list(!0, 0).unwrap().next().is_none());
    // The second element straddles a page.
    let at = OWN + PAGE - 40;
    fake.poke_words(1, at, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mut slice = list(at, 3).unwrap();
    assert_eq!(slice.next(), Some(Ok([1, 2, 3])));
    assert_eq!(slice.next(), Some(Ok([4, 5, 6])));
    slice.answer(1, &[50, 60]).unwrap();
    assert_eq!(slice.answer(2, &[0, 0]), Err(hypercall::Error::Address));
    assert_eq!(slice.next(), Some(Ok([7, 8, 9])));
    assert_eq!(slice.next(), None);
    assert_eq!(
        [
            fake.word(1, at + 24),
            fake.word(1, at + 32),
            fake.word(1, at + 40)
        ],
        [4, 50, 60]
    );
    // Where memory ends, the list does.
    let mut slice = list(OWN + fake::OWN_PAGES * PAGE - 24, 2).unwrap();
    assert!(slice.next().unwrap().is_ok());
    assert_eq!(slice.next(), Some(Err(hypercall::Error::Address)));
}

#[test]
fn a_vm_without_an_address_space_is_nothing_to_work_on() {
    let fake = Fake::new(1);
    assert_eq!(fake.ask(0, ops::VM_DESTROY, &[2]).0, 0);
    assert_eq!(
        fake.life(VmId(2), Life::Pause),
        Err(hypercall::Error::State)
    );
    assert_eq!(fake.ask(2, ops::POPULATE, &[AT, PAGE]), (error::STATE, 0));
    assert_eq!(fake.held(2), 0);
}

#[test]
fn who_needs_a_table_waits_for_those_that_are_on_their_way_back() {
    let fake = Fake::new(4);
    leave_always();
    let is_back = || *fake.0.returned.lock().unwrap();
    *fake.0.given_up.lock().unwrap() = 3;
    *fake.0.stocked.lock().unwrap() = true;
    assert_eq!(fake.ask(1, ops::POPULATE, &[AT, PAGE]), (0, PAGE));
    assert_eq!(is_back(), 0, "there was no need");
    *fake.0.stocked.lock().unwrap() = false;
    assert_eq!(fake.ask(1, ops::POPULATE, &[AT + PAGE, PAGE]), (0, PAGE));
    assert_eq!(is_back(), 3);
    // Whose root takes pages that lie side by side waits in any case.
    assert_eq!(fake.ask(0, ops::VM_DESTROY, &[2]).0, 0);
    *fake.0.given_up.lock().unwrap() = 5;
    assert_eq!(fake.ask(0, ops::VM_CREATE, &[2]).0, 0);
    assert_eq!(is_back(), 5);
    fake.check();
}
