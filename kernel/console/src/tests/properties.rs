//! For random sequences of what VMs write, time-outs, log lines and switches: nothing is lost, cut or mixed.

extern crate std;

use std::collections::VecDeque;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::{AtOnce, CONFIG, Screen};
use crate::scan::{elements, line_local};
use crate::{Config, Console, Ring};

const NAMES: [&str; 3] = ["a", "b", "c"];
type Normal = Console<3, 64, 16, 32>;

fn console() -> Normal {
    let mut console = Normal::new(CONFIG);
    for name in NAMES {
        console.add(name);
    }
    console
}

#[derive(Clone, Debug)]
enum Event {
    Write(usize, String),
    Tick,
    Log,
    Switch(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        // Lines shorter than the buffer, in chunks that end anywhere.
        8 => (0..3usize, "[a-z]{0,12}\n?[a-z]{0,12}\n?").prop_map(|(vm, text)| Event::Write(vm, text)),
        1 => Just(Event::Tick),
        1 => Just(Event::Log),
        1 => (0..3usize).prop_map(Event::Switch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_ring_gives_back_in_order_what_it_had_room_for(steps in prop::collection::vec(prop::option::of(any::<u8>()), 1..100)) {
        let (mut ring, mut expected) = (Ring::<5>::new(), VecDeque::new());
        for step in steps {
            match step {
                Some(byte) => {
                    let room = expected.len() < 5;
                    prop_assert_eq!(ring.push(byte), room);
                    if room {
                        expected.push_back(byte);
                    }
                }
                None => prop_assert_eq!(ring.pop(), expected.pop_front()),
            }
            prop_assert_eq!(ring.len(), expected.len());
            prop_assert_eq!(ring.is_empty(), expected.is_empty());
            prop_assert_eq!(ring.is_full(), expected.len() == 5);
        }
    }

    #[test]
    fn every_line_appears_whole_once_and_in_order(events in prop::collection::vec(event(), 1..60)) {
        let (mut console, mut screen) = (console(), Screen::default());
        let mut unfinished: [String; 3] = Default::default();
        let mut printed = 0;
        for (now, event) in (0u64..).step_by(1000).zip(events) {
            let mut finished: Vec<(usize, String)> = Vec::new();
            match &event {
                Event::Write(vm, text) => {
                    // Beyond the buffer lines come in pieces: another test's matter.
                    prop_assume!(unfinished[*vm].len() + text.len() <= 64);
                    console.write(*vm, text.as_bytes(), now, &mut screen);
                    for piece in text.split_inclusive('\n') {
                        unfinished[*vm].push_str(piece.trim_end());
                        if piece.ends_with('\n') {
                            finished.push((*vm, std::mem::take(&mut unfinished[*vm])));
                        }
                    }
                }
                Event::Tick => console.settle(now, &mut screen),
                Event::Log => console.log(format_args!("log"), &mut screen),
                Event::Switch(vm) => {
                    for key in [1, b'0' + *vm as u8] {
                        console.key(key, now, &mut screen);
                    }
                }
            }
            let all = String::from_utf8(screen.0.clone()).unwrap();
            let lines: Vec<&str> = all.split("\r\n").collect();
            let (open, ended) = lines.split_last().unwrap();
            let mut due = finished.iter();
            let mut next = due.next();
            for line in &ended[printed..] {
                if line.starts_with("caesura: ") {
                    continue;
                }
                if let Some((vm, text)) = next && *line == std::format!("[{}] {text}", NAMES[*vm]) {
                    next = due.next();
                    continue;
                }
                // Anything else is the beginning of a line that is not finished, or was about to be.
                let vm = NAMES.iter().position(|name| line.starts_with(&std::format!("[{name}] "))).unwrap();
                let shown = &line[4..];
                let beginning = unfinished[vm].starts_with(shown)
                    || finished.iter().any(|(by, text)| *by == vm && text.starts_with(shown));
                prop_assert!(beginning, "{line:?} in {all:?}");
            }
            prop_assert!(next.is_none(), "{next:?} is missing in {all:?}");
            printed = ended.len();
            // At the cursor: the foreground's unfinished line, all of it.
            let expected = &unfinished[console.input_goes_to()];
            if expected.is_empty() {
                prop_assert!(open.is_empty(), "{open:?}");
            } else {
                prop_assert_eq!(open.to_string(), std::format!("[{}] {expected}", NAMES[console.input_goes_to()]));
            }
        }
    }

    #[test]
    fn the_foreground_alone_gets_every_byte_through(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
        cut in 1..9usize,
    ) {
        let (mut console, mut screen) = (console(), Screen::default());
        let lines: Vec<Vec<u8>> = lines
            .into_iter()
            .map(|line| line.into_iter().filter(|b| !matches!(b, b'\r' | b'\n')).collect())
            .collect();
        let written: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        for chunk in written.chunks(cut) {
            console.write(0, chunk, 0, &mut screen);
        }
        let expected: Vec<u8> =
            lines.iter().flat_map(|line| [b"[a] ", &line[..], b"\r\n"].concat()).collect();
        prop_assert_eq!(screen.0, expected);
    }

    #[test]
    fn long_background_lines_lose_nothing(text in "[ -~]{0,400}", cut in 1..50usize) {
        let (mut console, mut screen) = (console(), Screen::default());
        for chunk in text.as_bytes().chunks(cut) {
            console.write(1, chunk, 0, &mut screen);
        }
        console.write(1, b"\n", 0, &mut screen);
        let all = String::from_utf8(screen.0).unwrap();
        let mut joined = String::new();
        for (number, line) in all.split_terminator("\r\n").enumerate() {
            joined.push_str(line.strip_prefix(if number == 0 { "[b] " } else { "[b]+ " }).unwrap());
        }
        prop_assert_eq!(joined, text);
    }

    #[test]
    fn a_background_vm_cannot_leave_its_lines(
        chunks in prop::collection::vec((1..3usize, prop::collection::vec(any::<u8>(), 0..80)), 1..20),
    ) {
        let (mut console, mut screen) = (console(), Screen::default());
        for (now, (vm, chunk)) in (0u64..).step_by(60).zip(&chunks) {
            console.write(*vm, chunk, now, &mut screen);
            console.settle(now, &mut screen);
        }
        console.finish(&mut screen);
        for line in screen.0.split(|b| *b == b'\n') {
            prop_assert!(line.is_empty() || line.starts_with(b"[b]") || line.starts_with(b"[c]"));
            prop_assert!(elements(line).all(line_local), "{:?}", line.escape_ascii().to_string());
        }
    }

    #[test]
    fn typed_bytes_arrive_in_order(typed in prop::collection::vec(2..=255u8, 0..200), reads in prop::collection::vec(0..5usize, 1..50)) {
        let (mut console, mut screen) = (console(), Screen::default());
        console.configure(Config { patience: u64::MAX, ..CONFIG });
        let (mut rest, mut got) = (typed.iter(), Vec::new());
        for (now, count) in (0u64..).zip(reads.iter().cycle().take(2000)) {
            while console.accepts_input(now) && rest.len() > 0 {
                console.key(*rest.next().unwrap(), now, &mut screen);
            }
            got.extend((0..*count).map_while(|_| console.take(0, now)));
        }
        got.extend(std::iter::from_fn(|| console.take(0, 0)));
        let sent = typed.len() - rest.len();
        prop_assert_eq!(&got, &typed[..sent]);
        prop_assert!(screen.0.is_empty());
    }
}
