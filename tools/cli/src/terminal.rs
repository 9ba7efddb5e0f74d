//! The user's terminal while a machine runs in it: every key goes to the machine.
//!
//! [`Raw`] switches line editing, echo and signals off and restores them when it goes away. One key is kept
//! back: Ctrl-], which ends the emulator whatever the machine does.

use std::io::{IsTerminal, Read, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Ctrl-], the key that is not passed on.
pub const ESCAPE: u8 = 0x1d;

/// Whether somebody sits at the keyboard.
#[must_use]
pub fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// The terminal in raw mode, for as long as this value lives.
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Switches; `None` if standard input is no terminal.
    #[must_use]
    pub fn enter() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to restore.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Why forwarding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// There is no more input.
    End,
    /// Ctrl-] was typed (only looked for if asked).
    Escape,
    /// The machine takes no more.
    Closed,
}

/// Copies what is typed to the machine until one side ends. The machine's end is handed back: closing it
/// would look to the emulator like a hang-up.
pub fn forward(mut from: impl Read, to: &mut impl Write, escape: bool) -> Forwarded {
    let mut buffer = [0; 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(count @ 1..) => count,
            Ok(0) | Err(_) => return Forwarded::End,
        };
        let bytes = &buffer[..count];
        let kept = if escape {
            bytes.iter().position(|byte| *byte == ESCAPE)
        } else {
            None
        };
        if to
            .write_all(&bytes[..kept.unwrap_or(count)])
            .and_then(|()| to.flush())
            .is_err()
        {
            return Forwarded::Closed;
        }
        if kept.is_some() {
            return Forwarded::Escape;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_reach_the_machine_and_only_the_escape_key_does_not() {
        let mut out = Vec::new();
        assert_eq!(
            forward(&b"ls\x03\x01q\x1dno"[..], &mut out, true),
            Forwarded::Escape
        );
        assert_eq!(out, b"ls\x03\x01q");
    }

    #[test]
    fn piped_input_is_passed_on_byte_for_byte() {
        let mut out = Vec::new();
        assert_eq!(forward(&b"a\x1db"[..], &mut out, false), Forwarded::End);
        assert_eq!(out, b"a\x1db");
    }
}
