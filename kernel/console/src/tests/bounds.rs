//! No call does much, nothing is lost on a slow line, and log lines keep their place.

extern crate std;

use core::fmt;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::{AtOnce, CONFIG, three};
use crate::{Console, LENGTH, Progress, SLOTS, Sink, Text};

/// A UART that takes a few bytes and then none until the next step.
#[derive(Default)]
struct Slow {
    out: Vec<u8>,
    room: usize,
}

impl Sink for Slow {
    fn put(&mut self, byte: u8) -> bool {
        let room = self.room > 0;
        if room {
            self.room -= 1;
            self.out.push(byte);
        }
        room
    }
}

/// Counts what one step prints.
struct Counting(usize);

impl Sink for Counting {
    fn put(&mut self, _: u8) -> bool {
        self.0 += 1;
        true
    }
}

fn formatted(text: &Text, message: fmt::Arguments<'_>) -> Vec<crate::Written> {
    let mut lines = Vec::new();
    text.format(message, || false, |line| lines.push(line));
    lines
}

#[test]
fn a_step_prints_at_most_sixteen_bytes_however_long_the_line() {
    let mut console = Console::<2, 512, 4, 1024>::new(CONFIG);
    for name in ["foreground", "background"] {
        console.add(name);
    }
    let text = Text::new();
    let mut total = 0;
    let long = [b"\x1b[31m".as_slice(), &[b'x'; 400]].concat();
    assert_eq!(console.offer(0, &long), long.len());
    assert_eq!(console.offer(1, &long), long.len());
    assert_eq!(console.offer(1, b"\n"), 1);
    for line in formatted(&text, format_args!("{}", "y".repeat(200))) {
        console.publish(line);
    }
    loop {
        let mut sink = Counting(0);
        let progress = console.step(0, &text, &mut sink);
        assert!(sink.0 <= 16);
        total += sink.0;
        if progress == Progress::Idle {
            break;
        }
    }
    assert!(total > 1200);
}

#[test]
fn a_full_line_is_told_apart_from_more_to_do() {
    let (mut console, screen) = three();
    console.offer(1, b"hi\n");
    let mut slow = Slow::default();
    assert_eq!(console.step(0, &screen.1, &mut slow), Progress::More);
    assert_eq!(console.step(0, &screen.1, &mut slow), Progress::Blocked);
    slow.room = usize::MAX;
    while console.step(0, &screen.1, &mut slow) == Progress::More {}
    assert_eq!(slow.out, b"[b] hi\r\n");
}

#[test]
fn what_a_vm_wrote_before_a_log_line_appears_before_it() {
    let (mut console, mut screen) = three();
    console.offer(1, b"before\nhal");
    for line in formatted(&screen.1, format_args!("log")) {
        console.publish(line);
    }
    console.offer(1, b"f\n");
    console.settle(0, &mut screen);
    assert_eq!(screen.take(), "[b] before\r\ncaesura: log\r\n[b] half\r\n");
}

#[test]
fn a_vms_last_words_end_before_the_log_says_that_it_has_ended() {
    let (mut console, mut screen) = three();
    console.offer(1, b"last words");
    console.reset(1);
    for line in formatted(&screen.1, format_args!("ended")) {
        console.publish(line);
    }
    console.offer(1, b"anew\n");
    console.settle(0, &mut screen);
    assert_eq!(
        screen.take(),
        "[b] last words\r\ncaesura: ended\r\n[b] anew\r\n"
    );
}

#[test]
fn a_full_queue_takes_no_more_and_loses_nothing() {
    let (mut console, mut screen) = three();
    assert_eq!(console.room(1), 16);
    assert_eq!(console.offer(1, &[b'x'; 20]), 16);
    assert_eq!((console.room(1), console.offer(1, b"y")), (0, 0));
    console.settle(0, &mut screen);
    assert_eq!(console.offer(1, b"yyyy\n"), 5);
    console.settle(0, &mut screen);
    assert_eq!(
        screen.take(),
        std::format!("[b] {}yyyy\r\n", "x".repeat(16))
    );
}

#[test]
fn a_line_longer_than_a_slot_goes_on_marked_and_is_cut_between_characters() {
    let (mut console, mut screen) = three();
    let message = std::format!("{}€€", "x".repeat(LENGTH - 1));
    console.log(format_args!("{message}"), &mut screen);
    assert_eq!(
        screen.take(),
        std::format!("caesura: {}\r\ncaesura:+ €€\r\n", "x".repeat(LENGTH - 1))
    );
    console.log(format_args!(""), &mut screen);
    assert_eq!(screen.take(), "caesura: \r\n");
}

#[test]
fn lines_that_find_no_slot_are_counted_and_slots_are_used_again() {
    let (mut console, mut screen) = three();
    for number in 0..SLOTS + 3 {
        for line in formatted(&screen.1, format_args!("{number}")) {
            console.publish(line);
        }
    }
    console.settle(0, &mut screen);
    assert_eq!(screen.take().lines().count(), SLOTS);
    assert_eq!((screen.1.take_lost(), screen.1.take_lost()), (3, 0));
    let mut asked = 0;
    let mut kept = Vec::new();
    for _ in 0..SLOTS {
        kept.extend(formatted(&screen.1, format_args!("kept")));
    }
    screen.1.format(
        format_args!("patient"),
        || {
            asked += 1;
            asked < 3
        },
        |line| kept.push(line),
    );
    assert_eq!((asked, kept.len()), (3, SLOTS));
}

#[test]
fn two_who_write_at_once_do_not_mix() {
    /// Logs while it is being logged.
    struct Nested<'a>(&'a Text, std::cell::RefCell<Vec<crate::Written>>);
    impl fmt::Display for Nested<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer ")?;
            self.1
                .borrow_mut()
                .extend(formatted(self.0, format_args!("inner")));
            f.write_str("line")
        }
    }
    let (mut console, mut screen) = three();
    let nested = Nested(&screen.1, Vec::new().into());
    let outer = formatted(&screen.1, format_args!("{nested}"));
    for line in nested.1.into_inner().into_iter().chain(outer) {
        console.publish(line);
    }
    console.settle(0, &mut screen);
    assert_eq!(screen.take(), "caesura: inner\r\ncaesura: outer line\r\n");
}

#[test]
fn a_second_command_waits_until_the_first_is_taken() {
    let (mut console, _) = three();
    for key in *b"\x01s" {
        assert!(console.accepts_input(0));
        console.input(key, 0);
    }
    assert!(!console.accepts_input(0));
    assert_eq!(console.take_command(), Some(crate::Command::Status));
    assert!(console.accepts_input(0));
}

proptest! {
    #[test]
    fn a_slow_line_prints_what_a_fast_one_does(
        writes in prop::collection::vec((0..3usize, prop::collection::vec(any::<u8>(), 0..40), any::<bool>()), 1..20),
        rooms in prop::collection::vec(0..40usize, 1..20),
    ) {
        let mut outputs: Vec<Vec<u8>> = Vec::new();
        for slow in [false, true] {
            let mut console = Console::<3, 64, 16, 64>::new(CONFIG);
            for name in ["a", "b", "c"] {
                console.add(name);
            }
            let (text, mut sink) = (Text::new(), Slow::default());
            let mut rooms = rooms.iter().cycle();
            for (vm, bytes, log) in &writes {
                prop_assert_eq!(console.offer(*vm, bytes), bytes.len());
                if *log {
                    for line in formatted(&text, format_args!("log {vm}")) {
                        console.publish(line);
                    }
                }
                for step in 0.. {
                    prop_assert!(step < 100_000);
                    sink.room = if slow { *rooms.next().unwrap() + usize::from(step % 20 == 0) } else { usize::MAX };
                    if console.step(0, &text, &mut sink) == Progress::Idle {
                        break;
                    }
                }
            }
            outputs.push(sink.out);
        }
        prop_assert_eq!(
            String::from_utf8_lossy(&outputs[0]),
            String::from_utf8_lossy(&outputs[1])
        );
    }
}
