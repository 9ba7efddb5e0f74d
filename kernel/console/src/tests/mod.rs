//! What the operator sees and types, by example; `properties` does the same for random sequences.

extern crate std;

mod bounds;
mod properties;

use core::fmt;
use std::string::String;
use std::vec::Vec;

use super::*;

/// Collects what would be on the terminal, and holds the lines of the hypervisor's own.
#[derive(Default)]
pub(crate) struct Screen(pub(crate) Vec<u8>, Text);

impl Sink for Vec<u8> {
    fn put(&mut self, byte: u8) -> bool {
        self.push(byte);
        true
    }
}

impl Screen {
    /// What was printed since the last call.
    fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()
    }
}

/// The console as if its line and its machine were infinitely fast: what is asked for happens at once.
pub(crate) trait AtOnce {
    fn settle(&mut self, now: u64, screen: &mut Screen);
    fn write(&mut self, vm: usize, bytes: &[u8], now: u64, screen: &mut Screen);
    fn say(&mut self, text: fmt::Arguments<'_>, switch: Option<usize>, screen: &mut Screen);
    fn log(&mut self, text: fmt::Arguments<'_>, screen: &mut Screen) {
        self.say(text, None, screen);
    }
    fn finish(&mut self, screen: &mut Screen);
    /// Types a byte, does what it asks for.
    fn key(&mut self, byte: u8, now: u64, screen: &mut Screen) -> Option<Command>;
}

impl<const VMS: usize, const LINE: usize, const QUEUE: usize, const FIFO: usize> AtOnce
    for Console<VMS, LINE, QUEUE, FIFO>
{
    fn settle(&mut self, now: u64, screen: &mut Screen) {
        for _ in 0..100_000 {
            if self.step(now, &screen.1, &mut screen.0) == Progress::Idle {
                return;
            }
        }
        panic!("the console does not come to rest");
    }

    fn write(&mut self, vm: usize, bytes: &[u8], now: u64, screen: &mut Screen) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[self.offer(vm, rest)..];
            self.settle(now, screen);
        }
    }

    fn say(&mut self, text: fmt::Arguments<'_>, switch: Option<usize>, screen: &mut Screen) {
        let mut lines = Vec::new();
        screen.1.format(text, || false, |line| lines.push(line));
        for line in lines {
            match switch {
                Some(vm) => self.publish_switch(vm, line),
                None => self.publish(line),
            }
        }
        self.settle(0, screen);
    }

    fn finish(&mut self, screen: &mut Screen) {
        self.close();
        self.settle(0, screen);
    }

    fn key(&mut self, byte: u8, now: u64, screen: &mut Screen) -> Option<Command> {
        self.input(byte, now);
        self.settle(now, screen);
        let command = self.take_command()?;
        let message = self.message(command);
        let switch = match command {
            Command::Switched(vm) => Some(vm),
            _ => None,
        };
        self.say(format_args!("{message}"), switch, screen);
        Some(command)
    }
}

const CONFIG: Config = Config {
    prefix: 1,
    partial_after: 100,
    patience: 1000,
};
type Small = Console<3, 32, 4, 16>;

fn three() -> (Small, Screen) {
    let mut console = Small::new(CONFIG);
    for name in ["a", "b", "c"] {
        console.add(name);
    }
    (console, Screen::default())
}

/// Types a string; returns the last command.
fn type_in(console: &mut Small, screen: &mut Screen, keys: &[u8]) -> Option<Command> {
    keys.iter()
        .filter_map(|key| console.key(*key, 0, screen))
        .last()
}

#[test]
fn the_foreground_echoes_every_character_at_once() {
    let (mut console, mut screen) = three();
    console.write(0, b"#", 0, &mut screen);
    assert_eq!(screen.take(), "[a] #");
    console.write(0, b" ls", 0, &mut screen);
    assert_eq!(screen.take(), " ls");
    console.write(0, b"\r\nbin etc\r\n", 0, &mut screen);
    assert_eq!(screen.take(), "\r\n[a] bin etc\r\n");
}

#[test]
fn a_background_line_waits_for_its_end_and_comes_in_one_piece() {
    let (mut console, mut screen) = three();
    console.write(1, b"half", 0, &mut screen);
    assert_eq!(screen.take(), "");
    console.write(1, b" and half\r\n", 0, &mut screen);
    assert_eq!(screen.take(), "[b] half and half\r\n");
}

#[test]
fn an_interrupted_foreground_line_is_printed_again_below() {
    let (mut console, mut screen) = three();
    console.write(0, b"# ls", 0, &mut screen);
    console.write(1, b"hi\n", 0, &mut screen);
    assert_eq!(screen.take(), "[a] # ls\r\n[b] hi\r\n[a] # ls");
    console.write(0, b" -l\n", 0, &mut screen);
    assert_eq!(screen.take(), " -l\r\n");
    console.write(1, b"hi\n", 0, &mut screen);
    assert_eq!(screen.take(), "[b] hi\r\n");
}

#[test]
fn a_background_prompt_appears_after_the_timeout_and_once() {
    let (mut console, mut screen) = three();
    console.write(0, b"# ", 0, &mut screen);
    console.write(1, b"login: ", 50, &mut screen);
    assert_eq!(console.deadline(), Some(150));
    console.settle(149, &mut screen);
    assert_eq!(screen.take(), "[a] # ");
    console.settle(150, &mut screen);
    assert_eq!(screen.take(), "\r\n[b] login: \r\n[a] # ");
    assert_eq!(console.deadline(), None);
    console.settle(1000, &mut screen);
    assert_eq!(screen.take(), "");
    console.write(1, b"root\n", 1000, &mut screen);
    assert_eq!(screen.take(), "\r\n[b] login: root\r\n[a] # ");
}

#[test]
fn the_hypervisors_lines_begin_with_its_name() {
    let (mut console, mut screen) = three();
    console.write(0, b"# ", 0, &mut screen);
    console.log(format_args!("one\ntwo {}", 2), &mut screen);
    assert_eq!(
        screen.take(),
        "[a] # \r\ncaesura: one\r\ncaesura: two 2\r\n[a] # "
    );
}

#[test]
fn a_bare_return_keeps_the_tag() {
    let (mut console, mut screen) = three();
    console.write(0, b"10%\r", 0, &mut screen);
    assert_eq!(screen.take(), "[a] 10%");
    console.write(0, b"20%", 0, &mut screen);
    assert_eq!(screen.take(), "\r[a] 20%");
    console.write(1, b"x\n", 0, &mut screen);
    assert_eq!(screen.take(), "\r\n[b] x\r\n[a] 20%");
    console.write(1, b"10%\r20%\r\r\n", 0, &mut screen);
    assert_eq!(screen.take(), "\r\n[b] 10%\r[b] 20%\r[b] \r\n[a] 20%");
}

#[test]
fn empty_lines_are_lines() {
    let (mut console, mut screen) = three();
    console.write(0, b"\n\r\n", 0, &mut screen);
    console.write(1, b"\n", 0, &mut screen);
    assert_eq!(screen.take(), "[a] \r\n[a] \r\n[b] \r\n");
}

#[test]
fn an_escape_sequence_is_not_cut_by_another_line() {
    let (mut console, mut screen) = three();
    console.write(0, b"x\x1b[1;", 0, &mut screen);
    console.write(1, b"hi\n", 0, &mut screen);
    console.write(0, b"31my\xe2\x82", 0, &mut screen);
    console.write(1, b"ho\n", 0, &mut screen);
    console.write(0, b"\xac\n", 0, &mut screen);
    assert_eq!(
        screen.take(),
        "[a] x\r\n[b] hi\r\n[a] x\x1b[1;31my\x1b[m\r\n[b] ho\r\n[a] x\x1b[1;31my€\r\n"
    );
}

#[test]
fn what_looks_like_the_start_of_a_sequence_appears_after_the_timeout() {
    let (mut console, mut screen) = three();
    console.write(0, b"a\x1b[", 0, &mut screen);
    assert_eq!(screen.take(), "[a] a");
    assert_eq!(console.deadline(), Some(100));
    console.settle(100, &mut screen);
    assert_eq!(screen.take(), "\x1b[");
    assert_eq!(console.deadline(), None);
}

#[test]
fn quoted_lines_cannot_ask_the_terminal_or_leave_their_line() {
    let (mut console, mut screen) = three();
    // The foreground may ask where the cursor is; printing its line again must not ask again.
    console.write(0, b"# \x1b[6n", 0, &mut screen);
    assert_eq!(screen.take(), "[a] # \x1b[6n");
    console.write(
        1,
        b"\x1b[2J\x1b[31mred\x1b[6n\x1b[H\x07\x1b]0;t\x07\n",
        0,
        &mut screen,
    );
    assert_eq!(screen.take(), "\x1b[m\r\n[b] \x1b[31mred\x1b[m\r\n[a] # ");
}

#[test]
fn a_line_longer_than_the_buffer_comes_in_marked_pieces() {
    let (mut console, mut screen) = three();
    let line = [b'0'; 32]
        .into_iter()
        .chain([b'1'; 32])
        .chain(*b"22\n")
        .collect::<Vec<u8>>();
    let pieces = |name| {
        std::format!(
            "[{name}] {}\r\n[{name}]+ {}\r\n[{name}]+ 22\r\n",
            "0".repeat(32),
            "1".repeat(32)
        )
    };
    console.write(1, &line, 0, &mut screen);
    assert_eq!(screen.take(), pieces("b"));
    console.write(0, &line, 0, &mut screen);
    assert_eq!(screen.take(), pieces("a"));
    console.write(0, b"next\n", 0, &mut screen);
    assert_eq!(screen.take(), "[a] next\r\n");
}

#[test]
fn a_long_line_is_not_cut_inside_a_character() {
    let (mut console, mut screen) = three();
    let line = std::format!("{}€€\n", "0".repeat(30));
    let expected = |name| std::format!("[{name}] {}\r\n[{name}]+ €€\r\n", "0".repeat(30));
    console.write(1, line.as_bytes(), 0, &mut screen);
    assert_eq!(screen.take(), expected("b"));
    console.write(0, line.as_bytes(), 0, &mut screen);
    assert_eq!(screen.take(), expected("a"));
}

#[test]
fn switching_moves_direct_output_and_shows_the_unfinished_line() {
    let (mut console, mut screen) = three();
    console.write(0, b"a# ", 0, &mut screen);
    console.write(1, b"b# ", 0, &mut screen);
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x011"),
        Some(Command::Switched(1))
    );
    assert_eq!(
        screen.take(),
        "[a] a# \r\ncaesura: input goes to VM 1, b\r\n[b] b# "
    );
    console.write(0, b"z", 0, &mut screen);
    console.write(1, b"y", 0, &mut screen);
    assert_eq!(screen.take(), "y");
    console.settle(1000, &mut screen);
    assert_eq!(screen.take(), "\r\n[a] a# z\r\n[b] b# y");
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x01n\x01n"),
        Some(Command::Switched(0))
    );
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x017"),
        Some(Command::NoSuchVm(7))
    );
    assert_eq!(console.input_goes_to(), 0);
    assert!(
        screen
            .take()
            .contains("caesura: no VM 7: there are 0 to 2\r\n[a] a# z")
    );
}

#[test]
fn typed_bytes_go_to_the_foreground_and_the_prefix_does_not() {
    let (mut console, mut screen) = three();
    type_in(&mut console, &mut screen, b"x\x01\x01");
    type_in(&mut console, &mut screen, b"\x012y");
    assert_eq!((console.waiting(0), console.waiting(2)), (2, 1));
    assert_eq!(
        [console.take(0, 0), console.take(0, 0), console.take(0, 0)],
        [Some(b'x'), Some(1), None]
    );
    assert_eq!(console.take(2, 0), Some(b'y'));
    assert_eq!(console.take(9, 0), None);
}

#[test]
fn commands_are_given_out_and_power_off_is_confirmed() {
    let (mut console, mut screen) = three();
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x01s"),
        Some(Command::Status)
    );
    screen.take();
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x01qn"),
        Some(Command::StayOn)
    );
    assert_eq!(
        screen.take(),
        "caesura: power the machine off? y: yes, other keys: no\r\ncaesura: the machine stays on\r\n"
    );
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x01qy"),
        Some(Command::PowerOff)
    );
    assert_eq!(console.waiting(0), 0);
    screen.take();
    assert_eq!(
        type_in(&mut console, &mut screen, b"\x01z"),
        Some(Command::Unknown(b'z'))
    );
    assert_eq!(
        screen.take(),
        "caesura: no command 'z'; Ctrl-A h lists them\r\n"
    );
    type_in(&mut console, &mut screen, b"\x01h");
    let help = screen.take();
    assert!(
        help.contains("Ctrl-A q: power off") && help.lines().all(|l| l.starts_with("caesura: ")),
        "{help}"
    );
}

#[test]
fn a_full_queue_holds_the_line_back_but_not_for_ever() {
    let (mut console, mut screen) = three();
    for key in *b"1234" {
        assert!(console.accepts_input(0));
        console.key(key, 0, &mut screen);
    }
    assert!(!console.accepts_input(999));
    assert_eq!(console.take(0, 999), Some(b'1'));
    assert!(console.accepts_input(999));
    console.key(b'5', 999, &mut screen);
    assert!(!console.accepts_input(1998));
    // The VM has not read for long: commands must get through, other bytes are refused audibly.
    assert!(console.accepts_input(1999));
    console.key(b'x', 1999, &mut screen);
    assert_eq!(screen.take(), "\x07");
    console.key(1, 1999, &mut screen);
    assert!(console.accepts_input(0));
    console.key(b'1', 1999, &mut screen);
    assert!(console.accepts_input(1999));
    assert_eq!(
        core::array::from_fn(|_| console.take(0, 2000)),
        [Some(b'2'), Some(b'3'), Some(b'4'), Some(b'5'), None]
    );
}

#[test]
fn a_full_queue_holds_the_line_back_from_a_core_that_looked_at_the_clock_earlier() {
    let (mut console, mut screen) = three();
    for key in *b"1234" {
        console.key(key, 500, &mut screen);
    }
    assert_eq!(console.take(0, 500), Some(b'1'));
    console.key(b'5', 500, &mut screen);
    assert!(!console.accepts_input(499));
}

#[test]
fn a_restarting_vm_begins_on_a_new_line_with_an_empty_queue() {
    let (mut console, mut screen) = three();
    console.write(0, b"a# ", 0, &mut screen);
    console.write(1, b"b# ", 0, &mut screen);
    type_in(&mut console, &mut screen, b"k");
    screen.take();
    console.reset(1);
    console.settle(0, &mut screen);
    assert_eq!(screen.take(), "\r\n[b] b# \r\n[a] a# ");
    console.reset(0);
    console.settle(0, &mut screen);
    assert_eq!(screen.take(), "\r\n");
    assert_eq!(console.waiting(0), 0);
    console.reset(2);
    console.finish(&mut screen);
    assert_eq!(screen.take(), "");
}

#[test]
fn a_fourth_vm_is_refused_and_unknown_vms_are_ignored() {
    let (mut console, mut screen) = three();
    assert_eq!(console.add("d"), None);
    console.write(7, b"x\n", 0, &mut screen);
    console.reset(7);
    assert_eq!(screen.take(), "");
    let mut none = Small::new(CONFIG);
    for key in *b"x\x01n\x010" {
        none.key(key, 0, &mut screen);
    }
    assert_eq!(none.input_goes_to(), 0);
}
