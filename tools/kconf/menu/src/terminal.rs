//! The terminal: put into the right mode, and always put back, whatever ends the menu: leaving, an error, a
//! panic, a signal, or the line going dead.

use std::fmt;
use std::io::{self, IsTerminal, Stdout, stdin, stdout};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossterm::event::{
    DisableMouseCapture, EnableMouseCapture, Event, KeyEvent, KeyEventKind, poll, read,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::app::{App, Effect};
use crate::escape::{Escape, PATIENCE_MS};
use crate::render::render;
use crate::theme::Theme;

/// How often signals and the line are looked at while no key comes, in milliseconds.
const PULSE_MS: u64 = 100;

/// Why the menu ended without the user's leave, or did not start.
#[derive(Debug)]
pub enum Error {
    /// Standard input or output is no terminal.
    NoTerminal(&'static str),
    /// The terminal cannot place text.
    Dumb,
    /// The terminal could not be read or written.
    Io(io::Error),
    /// A signal; its number. Whether something was not saved.
    Signal(usize, bool),
    /// The line went dead. Whether something was not saved.
    HungUp(bool),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsaved = |unsaved: &bool| match unsaved {
            true => "; changes were not saved",
            false => "",
        };
        match self {
            Error::NoTerminal(which) => write!(
                f,
                "the menu needs a terminal, and {which} is none; use the other commands in scripts"
            ),
            Error::Dumb => f.write_str(
                "the terminal (TERM=dumb) cannot place text; set TERM to what it really is, such as vt100",
            ),
            Error::Io(error) => write!(f, "the terminal failed: {error}"),
            Error::Signal(number, lost) => {
                write!(f, "ended by signal {number}{}", unsaved(lost))
            }
            Error::HungUp(lost) => write!(f, "the terminal hung up{}", unsaved(lost)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

/// Whether the terminal is in our mode; the panic hook looks at it, too.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Puts the terminal back. Errors have nowhere to go: it may be gone.
fn restore() {
    if ACTIVE.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            stdout(),
            DisableMouseCapture,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// The terminal in our mode, for as long as this lives.
struct Session {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Session {
    fn start(mouse: bool) -> Result<Self, Error> {
        enable_raw_mode()?;
        ACTIVE.store(true, Ordering::SeqCst);
        // From here on dropping puts it back.
        let session = Self {
            terminal: Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| restore())?,
        };
        execute!(stdout(), EnterAlternateScreen)?;
        if mouse {
            execute!(stdout(), EnableMouseCapture)?;
        }
        Ok(session)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the terminal before a panic is reported, so that the report can be read.
fn hook_panics() {
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if !HOOKED.swap(true, Ordering::SeqCst) {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    }
}

/// The signals that end the menu.
struct Signals {
    number: Arc<AtomicUsize>,
    ids: Vec<signal_hook::SigId>,
}

impl Signals {
    fn watch() -> Result<Self, Error> {
        let number = Arc::new(AtomicUsize::new(0));
        let mut ids = Vec::new();
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
            let value = usize::try_from(signal).unwrap_or(usize::MAX);
            ids.push(signal_hook::flag::register_usize(
                signal,
                number.clone(),
                value,
            )?);
        }
        Ok(Self { number, ids })
    }

    fn check(&self, app: &App<'_>) -> Result<(), Error> {
        match self.number.load(Ordering::SeqCst) {
            0 => Ok(()),
            number => Err(Error::Signal(number, app.differs_from_disk())),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Whether the line to the user is dead.
fn hung_up() -> bool {
    let input = stdin();
    let mut polled = [PollFd::new(&input, PollFlags::IN)];
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match rustix::event::poll(&mut polled, Some(&now)) {
        Ok(_) => polled[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        Err(_) => false,
    }
}

/// Runs the menu until the user leaves.
///
/// # Errors
/// There is no terminal that can be used, or it fails, or a signal comes.
pub fn drive(app: &mut App<'_>) -> Result<(), Error> {
    if !stdin().is_terminal() {
        return Err(Error::NoTerminal("standard input"));
    }
    if !stdout().is_terminal() {
        return Err(Error::NoTerminal("standard output"));
    }
    let variable = |name: &str| std::env::var(name).ok();
    if variable("TERM").as_deref() == Some("dumb") {
        return Err(Error::Dumb);
    }
    let theme = Theme::new(
        app.options.wants_colour(&variable),
        app.options.wants_ascii(&variable),
    );
    // The theme has decided; a variable must not take back what an option said.
    crossterm::style::force_color_output(app.options.wants_colour(&variable));
    hook_panics();
    let signals = Signals::watch()?;
    let mut session = Session::start(app.options.mouse == Some(true))?;
    let mut escape = Escape::default();
    loop {
        let size = session.terminal.size()?;
        app.resize(size.width, size.height);
        session.terminal.draw(|frame| {
            // Between asking and drawing the size may have changed.
            let area = frame.area();
            app.resize(area.width, area.height);
            render(app, &theme, frame);
        })?;
        if step(app, &signals, &mut escape)? == Effect::Quit {
            return Ok(());
        }
    }
}

/// Waits for something to happen and handles it, and everything else that is there already.
fn step(app: &mut App<'_>, signals: &Signals, escape: &mut Escape) -> Result<Effect, Error> {
    loop {
        signals.check(app)?;
        let wait = match escape.waits() {
            true => PATIENCE_MS,
            false => PULSE_MS,
        };
        if poll(Duration::from_millis(wait))? {
            break;
        }
        if hung_up() {
            return Err(Error::HungUp(app.differs_from_disk()));
        }
        let late = escape.flush();
        if !late.is_empty() {
            return Ok(keys(app, late));
        }
    }
    loop {
        let effect = match read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => keys(app, escape.key(key)),
            Event::Mouse(event) => app.mouse(event),
            _ => Effect::Continue,
        };
        // Drawing once for all that has arrived keeps up with a held key on a slow line.
        if effect == Effect::Quit || !poll(Duration::ZERO)? {
            return Ok(effect);
        }
    }
}

fn keys(app: &mut App<'_>, keys: Vec<KeyEvent>) -> Effect {
    for key in keys {
        if app.key(key) == Effect::Quit {
            return Effect::Quit;
        }
    }
    Effect::Continue
}
