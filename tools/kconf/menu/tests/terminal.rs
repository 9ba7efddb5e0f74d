//! The menu in a real pseudo-terminal: what a user sees, what is in the file afterwards, and that the terminal is
//! put back whatever ends the menu.

mod common;

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// After this long something that should happen is taken not to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The example program, up to date even if this test is built alone.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "kconf-menu", "--example", "menu"])
            .status()
            .unwrap();
        assert!(status.success());
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(Path::parent).unwrap();
        folder.join("examples/menu")
    })
}

fn some(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

struct Seen {
    screen: vt100::Parser,
    raw: Vec<u8>,
}

struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
    folder: tempfile::TempDir,
    before: String,
}

impl Terminal {
    fn start(environment: &[(&str, &str)], flags: &[&str]) -> Self {
        Self::sized(24, 80, environment, flags)
    }

    fn sized(rows: u16, cols: u16, environment: &[(&str, &str)], flags: &[&str]) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let kconfig = folder.path().join("Kconfig");
        std::fs::write(&kconfig, common::TREE).unwrap();
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program());
        command.env_clear();
        command.env("TERM", "xterm");
        for (name, value) in environment {
            command.env(name, value);
        }
        command.arg(&kconfig);
        command.arg(folder.path().join(".config"));
        command.args(flags);
        command.cwd(folder.path());
        let before = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (rows, cols) = if rows == 0 { (24, 80) } else { (rows, cols) };
        let seen = Arc::new(Mutex::new(Seen {
            screen: vt100::Parser::new(some(rows), some(cols), 0),
            raw: Vec::new(),
        }));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let sink = seen.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut seen = sink.lock().unwrap();
                seen.screen.process(&buffer[..count]);
                seen.raw.extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            keys: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            child,
            seen,
            folder,
            before,
        }
    }

    fn contents(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    fn raw(&self) -> Vec<u8> {
        self.seen.lock().unwrap().raw.clone()
    }

    /// Waits until the screen says this.
    fn wait_for(&self, text: &str) {
        self.wait_until(text, |contents| contents.contains(text));
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !holds(&self.contents()) {
            assert!(
                start.elapsed() < PATIENCE,
                "not seen: {what}\n{}",
                self.contents()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits for the end; the exit code.
    fn end(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            if start.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("does not end:\n{}", self.contents());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The terminal is as it was: modes, ordinary screen, cursor.
    fn assert_put_back(&self) {
        let after = self.master.as_ref().unwrap().get_termios().unwrap();
        assert_eq!(format!("{after:?}"), self.before);
        let seen = self.seen.lock().unwrap();
        assert!(!seen.screen.screen().alternate_screen());
        assert!(!seen.screen.screen().hide_cursor());
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(".config")).unwrap()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.process_id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed must not leave its menu behind.
        let _ = self.child.kill();
    }
}

#[test]
fn a_toggle_is_saved_and_the_terminal_put_back() {
    let mut terminal = Terminal::start(&[], &[]);
    terminal.wait_for("Example configuration");
    terminal.press("\u{1b}[B\r");
    terminal.wait_for("Top > Networking");
    terminal.press("\u{1b}[By");
    terminal.wait_for("NET_LOG=y, so also PRINTK=y");
    terminal.press("S");
    terminal.wait_for("What changes:");
    terminal.press("\r");
    terminal.wait_for("Written to");
    assert!(terminal.config().contains("CONFIG_NET_LOG=y\n"));
    terminal.press("\u{1b}[20~");
    assert_eq!(terminal.end(), 0);
    terminal.wait_for("written to");
    terminal.assert_put_back();
}

#[test]
fn esc_esc_goes_back_and_asks_before_leaving() {
    let mut terminal = Terminal::start(&[], &[]);
    terminal.wait_for("Example configuration");
    terminal.press("\u{1b}[B\r");
    terminal.wait_for("Top > Networking");
    terminal.press("\u{1b}\u{1b}");
    terminal.wait_until("the top", |screen| !screen.contains("Top > Networking"));
    terminal.press("\u{1b}\u{1b}");
    terminal.wait_for("does not exist yet");
    terminal.press("n");
    assert_eq!(terminal.end(), 0);
    terminal.wait_for("nothing was written");
    terminal.assert_put_back();
    assert!(!terminal.folder.path().join(".config").exists());
}

#[test]
fn a_new_size_is_drawn_at_once() {
    let terminal = Terminal::start(&[], &[]);
    terminal.wait_for("F9 Leave");
    let size = PtySize {
        rows: 12,
        cols: 40,
        pixel_width: 0,
        pixel_height: 0,
    };
    terminal
        .seen
        .lock()
        .unwrap()
        .screen
        .screen_mut()
        .set_size(some(12), some(40));
    terminal.master.as_ref().unwrap().resize(size).unwrap();
    terminal.wait_until("the keys in the last line of twelve", |screen| {
        let last = screen.lines().nth(11).unwrap_or("");
        last.starts_with("F1 Help") && !last.contains("F9")
    });
}

#[test]
fn signals_put_the_terminal_back_and_say_what_is_lost() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut terminal = Terminal::start(&[], &[]);
        terminal.wait_for("Example configuration");
        terminal.signal(signal);
        assert_eq!(terminal.end(), 1);
        terminal.wait_for("changes were not saved");
        terminal.assert_put_back();
    }
}

#[test]
fn a_panic_puts_the_terminal_back_and_can_be_read() {
    let mut terminal = Terminal::start(&[], &["panic"]);
    terminal.wait_for("Example configuration");
    terminal.press("/deep\r");
    terminal.wait_for("Check everything");
    terminal.press("y");
    assert_eq!(terminal.end(), 101);
    terminal.wait_for("as asked");
    terminal.assert_put_back();
}

#[test]
fn a_line_that_goes_dead_ends_the_menu() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(folder.path().join("Kconfig"), common::TREE).unwrap();
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(program());
    command.env("TERM", "xterm");
    command.args(["Kconfig", ".config"]);
    command.cwd(folder.path());
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("Leave") {
        let mut buffer = [0; 4096];
        let count = reader.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..count]);
    }
    drop(reader);
    drop(pair.master);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("still there");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(!status.success());
    assert!(!folder.path().join(".config").exists());
}

#[test]
fn without_a_terminal_it_says_so() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(folder.path().join("Kconfig"), common::TREE).unwrap();
    let output = Command::new(program())
        .args(["Kconfig", ".config"])
        .current_dir(folder.path())
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("the menu needs a terminal, and standard input is none"),
        "{text}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_terminal_that_cannot_place_text_is_refused() {
    let mut terminal = Terminal::start(&[("TERM", "dumb")], &[]);
    assert_eq!(terminal.end(), 1);
    terminal.wait_for("cannot place text");
}

/// Whether a colour was set: a parameter 30 to 49, or 90 and more, in a sequence that ends with `m`.
fn has_colour(raw: &[u8]) -> bool {
    String::from_utf8_lossy(raw)
        .split("\u{1b}[")
        .skip(1)
        .any(|sequence| {
            let end = sequence
                .find(|c: char| c.is_ascii_alphabetic())
                .unwrap_or(0);
            let (parameters, rest) = sequence.split_at(end);
            rest.starts_with('m')
                && parameters.split(';').any(|p| {
                    // 39 and 49 are the terminal's own.
                    p.parse()
                        .is_ok_and(|n: u32| (30..49).contains(&n) && n != 39 || n >= 90)
                })
        })
}

#[test]
fn colours_are_used_unless_they_are_not_wanted() {
    for (environment, flags, wanted) in [
        (&[("TERM", "xterm")][..], &[][..], true),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], &[], false),
        (&[("TERM", "vt220")], &[], false),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], &["colour"], true),
    ] {
        let mut terminal = Terminal::start(environment, flags);
        terminal.wait_for("F9 Leave");
        terminal.press("/a");
        terminal.wait_for("symbols");
        assert_eq!(
            has_colour(&terminal.raw()),
            wanted,
            "{environment:?} {flags:?}"
        );
    }
}

#[test]
fn on_an_old_terminal_only_ascii_is_sent() {
    let mut terminal = Terminal::start(&[("TERM", "vt100"), ("LANG", "C.UTF-8")], &[]);
    terminal.wait_for("F9 Leave");
    terminal.press("/");
    terminal.wait_for("Type words");
    let raw = terminal.raw();
    assert!(raw.is_ascii());
    for charset in [&b"\x1b(0"[..], b"\x0e", b"\x0f"] {
        assert!(!raw.windows(charset.len()).any(|w| w == charset));
    }
}

#[test]
fn with_a_unicode_locale_lines_are_drawn() {
    let terminal = Terminal::start(&[("LANG", "C.UTF-8")], &[]);
    terminal.wait_for("┌──");
}

#[test]
fn a_key_that_arrives_in_pieces_is_one_key() {
    let mut terminal = Terminal::start(&[], &[]);
    terminal.wait_for("CONFIG_MODULES=y");
    for piece in ["\u{1b}", "[", "B"] {
        terminal.press(piece);
        std::thread::sleep(Duration::from_millis(10));
    }
    terminal.wait_until("the second row", |screen| {
        !screen.contains("CONFIG_MODULES=y")
    });
    terminal.press("\r");
    terminal.wait_for("Top > Networking");
}

#[test]
fn a_terminal_without_a_size_is_taken_for_eighty_by_twenty_four() {
    let terminal = Terminal::sized(0, 0, &[], &[]);
    terminal.wait_for("F9 Leave u Undo");
}

#[test]
fn the_mouse_is_off_unless_it_is_wanted() {
    let terminal = Terminal::start(&[], &[]);
    terminal.wait_for("F9 Leave");
    let asks = |raw: &[u8]| raw.windows(8).any(|w| w == b"\x1b[?1000h");
    assert!(!asks(&terminal.raw()));

    let mut terminal = Terminal::start(&[], &["mouse"]);
    terminal.wait_for("F9 Leave");
    assert!(asks(&terminal.raw()));
    // A click on the second row, and another one to open it.
    terminal.press("\u{1b}[<0;10;5M\u{1b}[<0;10;5m");
    terminal.press("\u{1b}[<0;10;5M\u{1b}[<0;10;5m");
    terminal.wait_for("Top > Networking");
}
