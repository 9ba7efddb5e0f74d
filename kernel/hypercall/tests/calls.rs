//! Multicall, console, diagnosis, permissions, and the lives of VMs.

mod fake;

use abi::ops::{self, error, limits, multi, stat, state};
use abi::vendor;
use fake::{Fake, MIB2, OWN, PAGE, WINDOW, leave_after, leave_always, leave_never};
use hypercall::{Call, Life, Machine, VmId, operation, reaper};
use tables::Permissions;

const AT: u64 = WINDOW.start;
const LIST: u64 = OWN + 40 * PAGE + 8;

fn list(fake: Fake, vm: u8, calls: &[(u32, &[u64])]) -> u64 {
    for (index, (function, arguments)) in (0..).zip(calls) {
        let mut words = vec![u64::from(*function) | 0xdead_0000_0000];
        words.extend(*arguments);
        words.resize(11, 0x5555);
        fake.poke_words(vm, LIST + index * multi::SIZE as u64, &words);
    }
    calls.len() as u64
}

fn result(fake: Fake, vm: u8, index: u64, word: u64) -> u64 {
    fake.word(
        vm,
        LIST + index * multi::SIZE as u64 + (multi::RESULTS as u64 + word) * 8,
    )
}

#[test]
fn a_multicall_makes_long_calls_and_writes_each_result() {
    let fake = Fake::new(4);
    leave_always();
    let count = list(
        fake,
        1,
        &[
            (ops::POPULATE, &[AT, MIB2, 0]),
            (ops::RECLAIM, &[AT, 2 * MIB2]),
            (ops::MULTICALL, &[LIST, 1]),
            (ops::RESUME, &[0]),
            (vendor::CRASH, &[]),
            (ops::VM_DESTROY, &[2]),
            (ops::STATS, &[stat::HEAP_HELD]),
        ],
    );
    assert_eq!(fake.ask(1, ops::MULTICALL, &[LIST, count]), (0, count));
    let status: Vec<_> = (0..count)
        .map(|index| result(fake, 1, index, 0) as i64)
        .collect();
    use error::*;
    assert_eq!(
        status,
        [0, NOT_MAPPED, NESTED, NESTED, NOT_SUPPORTED, DENIED, 0]
    );
    assert_eq!(
        [
            result(fake, 1, 0, 1),
            result(fake, 1, 1, 1),
            result(fake, 1, 6, 1)
        ],
        [MIB2, MIB2, 0]
    );
    assert_eq!(result(fake, 1, 0, 3), 0);
    fake.check();
}

#[test]
fn a_list_that_ends_in_nothing_says_how_far_it_came() {
    let fake = Fake::new(1);
    assert_eq!(fake.ask(1, ops::MULTICALL, &[!0, 0]), (0, 0));
    assert_eq!(
        fake.ask(1, ops::MULTICALL, &[LIST, limits::LIST + 1]),
        (error::INVALID, 0)
    );
    assert_eq!(
        fake.ask(1, ops::MULTICALL, &[LIST + 1, 1]),
        (error::INVALID, 0)
    );
    let end = OWN + fake::OWN_PAGES * PAGE;
    fake.poke_words(1, end - 88, &[ops::EVENT_RESET.into()]);
    assert_eq!(
        fake.ask(1, ops::MULTICALL, &[end - 88, 2]),
        (error::ADDRESS, 1)
    );
}

#[test]
fn text_of_any_length_is_written_once_however_slow_the_terminal() {
    let fake = Fake::new(1);
    leave_always();
    let text: Vec<u8> = (0..70_000u32).map(|n| (n % 253) as u8).collect();
    fake.poke(1, OWN + 77, &text);
    fake.0.console.lock().unwrap().1 = 1000;
    assert_eq!(
        fake.ask(1, ops::CONSOLE_WRITE, &[OWN + 77, 70_000]),
        (0, 70_000)
    );
    assert_eq!(fake.0.console.lock().unwrap().0, text);
    assert_eq!(fake.ask(1, ops::CONSOLE_WRITE, &[3, 0]), (0, 0));
    assert_eq!(
        fake.ask(1, ops::CONSOLE_WRITE, &[!0, 2]),
        (error::INVALID, 0)
    );
    let end = OWN + fake::OWN_PAGES * PAGE;
    fake.0.console.lock().unwrap().1 = usize::MAX;
    let (status, written) = fake.ask(1, ops::CONSOLE_WRITE, &[end - 200, 300]);
    assert_eq!((status, written), (error::ADDRESS, 192));
}

#[test]
fn what_the_configuration_does_not_allow_is_denied() {
    let fake = Fake::new(1);
    *fake.0.may.lock().unwrap() = [Permissions::NONE; 4];
    for (function, needed) in [
        (ops::POPULATE, Permissions::POPULATE),
        (ops::RECLAIM, Permissions::POPULATE),
        (ops::UNMAP, Permissions::POPULATE),
        (ops::CACHE_CLEAN, Permissions::CACHE),
        (ops::GRANT, Permissions::GRANT),
        (ops::GRANT_COPY, Permissions::GRANT),
        (ops::EVENT_BIND, Permissions::EVENT),
        (ops::EVENT_RESET, Permissions::EVENT),
        (ops::CONSOLE_WRITE, Permissions::CONSOLE),
        (ops::BURN, Permissions::DEBUG),
        (ops::STATS, Permissions::DEBUG),
    ] {
        fake.0.may.lock().unwrap()[1] = Permissions(!needed.0);
        assert_eq!(fake.ask(1, function, &[]).0, error::DENIED, "{function:#x}");
        fake.0.may.lock().unwrap()[1] = needed;
        assert_ne!(fake.ask(1, function, &[]).0, error::DENIED, "{function:#x}");
    }
    for function in ops::VM_CREATE..=ops::VM_STATUS {
        assert_eq!(fake.ask(1, function, &[2]).0, error::DENIED);
        assert_eq!(fake.ask(0, function, &[0]).0, error::DENIED, "oneself");
        assert_eq!(fake.ask(0, function, &[4]).0, error::NO_VM);
    }
}

#[test]
fn unknown_functions_have_an_answer() {
    let fake = Fake::new(1);
    for number in 0..0x100u32 {
        let function = ops::RESUME & !0xffff | number;
        let known = Call::is_operation(function);
        let [x0, ..] = fake.call(1, function, &[5; 6]).x;
        let unsupported = x0 as i64 == error::NOT_SUPPORTED;
        assert_eq!(
            known || function == ops::RESUME,
            !unsupported,
            "{function:#x}"
        );
    }
}

#[test]
fn burning_pauses_and_ends() {
    let fake = Fake::new(1);
    leave_always();
    let mut pauses = 0;
    let mut at = fake.begin(1, ops::BURN, &[100]);
    while let Err(handle) = at {
        pauses += 1;
        at = fake.resume(1, handle);
    }
    assert_eq!((at.unwrap().x[1], pauses), (100, 33));
    assert_eq!(fake.ask(1, ops::STATS, &[99]).0, error::INVALID);
    assert_eq!(fake.ask(1, ops::STATS, &[stat::HEAP_FREE]), (0, 512));
}

#[test]
fn a_vm_is_paused_destroyed_made_and_started_by_who_controls_it() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(2, ops::POPULATE, &[AT, MIB2 + PAGE]);
    assert_eq!(
        fake.call(0, ops::VM_STATUS, &[2]).x,
        [0, state::RUNNING, 513, 0]
    );
    assert_eq!(fake.ask(0, ops::VM_PAUSE, &[2]).0, 0);
    assert_eq!(fake.ask(0, ops::VM_PAUSE, &[2]).0, error::STATE);
    assert_eq!(fake.ask(0, ops::VM_RESUME, &[2]).0, 0);
    assert_eq!(fake.ask(0, ops::VM_DESTROY, &[2]).0, 0);
    assert_eq!(
        fake.call(0, ops::VM_STATUS, &[2]).x,
        [0, state::ABSENT, 0, 0]
    );
    assert_eq!(fake.0.spaces[2].lock().unwrap().tables.used(), 0);
    assert_eq!(fake.ask(0, ops::VM_DESTROY, &[2]).0, error::STATE);
    assert_eq!(fake.ask(0, ops::VM_START, &[2]).0, error::STATE);
    assert_eq!(fake.ask(0, ops::VM_CREATE, &[2]).0, 0);
    assert_eq!(fake.ask(0, ops::VM_START, &[2]).0, 0);
    assert_eq!(fake.usage().free, fake.usage().total);
    fake.check();
}

#[test]
fn a_reset_takes_what_the_vm_got_and_keeps_what_it_is() {
    let fake = Fake::new(4);
    leave_always();
    fake.call(2, ops::POPULATE, &[AT, MIB2 + PAGE]);
    fake.call(2, ops::GRANT, &[OWN, 9, 1, 0, 5]);
    fake.call(2, ops::EVENT_BIND, &[1, 1, 40]);
    fake.call(1, ops::EVENT_BIND, &[1, 2, 41]);
    let name = fake.ask(1, ops::GRANT_FIND, &[2, 5]).1;
    fake.call(1, ops::GRANT_MAP, &[name, AT]);
    let theirs = fake.ask(1, ops::GRANT, &[OWN, 9, 2, 0, 6]).1;
    fake.call(2, ops::GRANT_MAP, &[theirs, AT + 4 * MIB2]);
    fake.check();
    assert_eq!(fake.ask(0, ops::VM_RESET, &[2]).0, 0);
    assert_eq!(fake.state_of(2).state, state::RUNNING);
    assert!(fake.translate(2, OWN).is_some());
    assert_eq!(
        (fake.leaves(2), fake.leaves(1), fake.held(2)),
        (vec![], vec![], 0)
    );
    assert_eq!(fake.ask(1, ops::EVENT_SEND, &[2, 1]).0, error::NO_PORT);
    assert_eq!(fake.ask(2, ops::EVENT_SEND, &[1, 1]).0, error::NO_PORT);
    assert_eq!(
        fake.ask(2, ops::GRANT_MAP, &[theirs, AT]).0,
        error::NO_GRANT
    );
    fake.check();
}

#[test]
fn destruction_waits_until_the_vcpus_stand_and_cancels_what_they_left() {
    let fake = Fake::new(4);
    leave_always();
    let theirs = fake.begin(2, ops::POPULATE, &[AT, MIB2]).unwrap_err();
    fake.0.status[2].lock().unwrap().restless = true;
    let handle = fake.begin(0, ops::VM_DESTROY, &[2]).unwrap_err();
    let mut handle = fake.resume(0, handle).unwrap_err();
    assert!(fake.translate(2, OWN).is_some());
    assert!(fake.0.ops[2].resume(0, theirs).is_err());
    assert_eq!(fake.held(2), 0, "what it had in hand is back");
    fake.0.status[2].lock().unwrap().restless = false;
    let reply = loop {
        match fake.resume(0, handle) {
            Ok(reply) => break reply,
            Err(next) => handle = next,
        }
    };
    assert_eq!(reply.x[0], 0);
    assert_eq!(fake.state_of(2).state, state::ABSENT);
    fake.check();
}

#[test]
fn a_destruction_that_is_abandoned_anywhere_is_finished_by_the_reaper_or_by_another_call() {
    for pauses in 0..40 {
        let fake = Fake::new(4);
        fake.call(2, ops::POPULATE, &[AT, 12 * PAGE]);
        fake.call(2, ops::GRANT, &[OWN, 9, 1, 0, 5]);
        let name = fake.ask(1, ops::GRANT_FIND, &[2, 5]).1;
        fake.call(1, ops::GRANT_MAP, &[name, AT]);
        leave_after(pauses);
        let Err(_) = fake.begin(0, ops::VM_DESTROY, &[2]) else {
            assert!(pauses > 10);
            break;
        };
        leave_never();
        let list = &[(ops::VM_DESTROY, &[2u64] as &[u64])];
        let count = self::list(fake, 0, list);
        fake.call(0, ops::MULTICALL, &[LIST, count]);
        assert_eq!(
            result(fake, 0, 0, 0) as i64,
            error::BUSY,
            "it is being destroyed"
        );
        fake.abandon(0);
        assert!(!fake.state_of(2).owned);
        assert_eq!(fake.state_of(2).state, state::DYING);
        assert_eq!(
            fake.ask(2, ops::GRANT, &[OWN, 1, 1, 0, 0]).0,
            0,
            "even a late call"
        );
        if pauses % 2 == 0 {
            assert_eq!(fake.ask(0, ops::VM_DESTROY, &[2]).0, 0);
        } else {
            fake.0
                .tasks
                .add("reaper", 0, |cx| reaper(fake, cx))
                .unwrap();
            fake.settle();
            let log = fake.0.log.lock().unwrap();
            assert_eq!(log.last().unwrap(), "2 Bury");
        }
        assert_eq!(fake.state_of(2).state, state::ABSENT);
        assert_eq!(fake.held(2), 0);
        fake.check();
    }
}

#[test]
fn an_abandoned_reset_is_finished_as_a_reset() {
    let fake = Fake::new(4);
    fake.call(2, ops::POPULATE, &[AT, 12 * PAGE]);
    leave_after(2);
    fake.begin(0, ops::VM_RESET, &[2]).unwrap_err();
    fake.abandon(0);
    fake.0
        .tasks
        .add("reaper", 0, |cx| reaper(fake, cx))
        .unwrap();
    fake.settle();
    assert_eq!(fake.state_of(2).state, state::RUNNING);
    assert_eq!(fake.life(VmId(2), Life::Pause), Ok(hypercall::Step::Done));
    fake.check();
}

#[test]
fn an_operation_fits_its_slot() {
    let fake = Fake::new(1);
    let table = &fake.0.ops[1];
    let call = Call {
        function: ops::STATS,
        arguments: [0; 6],
    };
    let lease = table.begin(0, |cx| {
        let future = operation(fake, cx, VmId(1), call);
        println!("an operation takes {} bytes", size_of_val(&future));
        assert!(
            size_of_val(&future) <= 1536,
            "{} bytes",
            size_of_val(&future)
        );
        future
    });
    drop(lease);
}
