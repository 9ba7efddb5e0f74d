//! What appeared on the physical console, taken apart again: whose line is which, and how it ended.
//!
//! The hypervisor tags every line of a VM (`docs/console.md`): `[name] text`, a long line's further pieces
//! `[name]+ text`. Its own lines begin with `caesura: `; the last one before power-off is
//! `caesura: end: <n> VMs, <f> failed`. Colours and other escape sequences are dropped, carriage returns too.
//! A line that is not finished yet counts: a prompt is one.

use board::System;

/// Everything received so far.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    text: String,
    // Bytes of a character that is not complete yet.
    rest: Vec<u8>,
}

/// How the hypervisor said it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// VMs that the system had.
    pub vms: u32,
    /// VMs that crashed for good or reported a failure.
    pub failed: u32,
}

impl Transcript {
    /// Appends received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let complete = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            // None: the end of the bytes is the beginning of a character. Otherwise it is rubbish: shown as such.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.rest.len(),
        };
        let bytes: Vec<u8> = self.rest.drain(..complete).collect();
        self.text.push_str(&String::from_utf8_lossy(&bytes));
    }

    /// All of it as received.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All lines, without escape sequences and carriage returns; the last may be unfinished.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        plain(&self.text).lines().map(str::to_owned).collect()
    }

    /// What one VM wrote: its lines without their tags, pieces of a long line joined, each ended by `\n` (the
    /// last one perhaps unfinished).
    #[must_use]
    pub fn of_vm(&self, name: &str) -> String {
        let tag = format!("[{name}]");
        let mut out = String::new();
        for line in self.lines() {
            let Some(rest) = line.strip_prefix(&tag) else {
                continue;
            };
            let text = if let Some(piece) = rest.strip_prefix('+') {
                if out.ends_with('\n') {
                    out.pop();
                }
                piece
            } else {
                rest
            };
            out.push_str(text.strip_prefix(' ').unwrap_or(text));
            out.push('\n');
        }
        out
    }

    /// The hypervisor's own lines, without `caesura: `.
    #[must_use]
    pub fn of_hypervisor(&self) -> Vec<String> {
        self.lines()
            .iter()
            .filter_map(|line| line.strip_prefix("caesura: "))
            .map(str::to_owned)
            .collect()
    }

    /// The closing line, if it has appeared.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.of_hypervisor()
            .iter()
            .rev()
            .find_map(|line| parse_end(line))
    }

    /// The first expectation of each VM that has not been met: `(VM, text)`. Expectations of a VM are met in
    /// their order.
    #[must_use]
    pub fn missing(&self, system: &System) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        for vm in &system.vms {
            if let Some(text) = first_missing(&self.of_vm(&vm.name), &vm.expect) {
                missing.push((vm.name.clone(), text.to_owned()));
            }
        }
        missing
    }

    /// What lock-order checking reported (`CONFIG_LOCKDEP`), if it did. Its report goes around the log, on a line of its own that no
    /// VM can write, and nobody need be stuck yet: the run may look good otherwise.
    fn lock_order(&self) -> Option<String> {
        self.lines().iter().find_map(|line| {
            let (core, report) = line.strip_prefix("error: core ")?.split_once(": ")?;
            let found = report.starts_with("locks are taken in a circle");
            found.then(|| format!("on core {core} {}", report.trim_end_matches("; now:")))
        })
    }

    /// Whether the run counts as good; the error says in one sentence why not.
    ///
    /// # Errors
    /// There is no closing line, a VM failed, an expected text did not appear, or locks were taken in a circle.
    pub fn judge(&self, system: &System) -> Result<(), String> {
        if let Some(line) = self.lock_order() {
            return Err(format!("the hypervisor reports that {line}"));
        }
        let end = self.end().ok_or(
            "the machine stopped without the hypervisor's closing line (`caesura: end: …`)",
        )?;
        if end.failed > 0 {
            return Err(format!("{} of {} VMs failed", end.failed, end.vms));
        }
        match self.missing(system).first() {
            Some((vm, text)) => Err(format!("VM `{vm}` never wrote {text:?}")),
            None => Ok(()),
        }
    }
}

fn first_missing<'a>(text: &str, expected: &'a [String]) -> Option<&'a str> {
    let mut rest = text;
    for wanted in expected {
        match rest.find(wanted.as_str()) {
            Some(at) => rest = &rest[at + wanted.len()..],
            None => return Some(wanted),
        }
    }
    None
}

fn parse_end(line: &str) -> Option<End> {
    let (vms, failed) = line.strip_prefix("end: ")?.split_once(" VMs, ")?;
    Some(End {
        vms: vms.parse().ok()?,
        failed: failed.strip_suffix(" failed")?.parse().ok()?,
    })
}

/// The text without control sequences (ECMA-48: ESC [ … final byte, or ESC and one more) and carriage returns.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {}
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    for parameter in characters.by_ref() {
                        if ('@'..='~').contains(&parameter) {
                            break;
                        }
                    }
                }
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.push(text.as_bytes());
        transcript
    }

    #[test]
    fn each_vms_lines_are_told_apart() {
        let t = transcript(
            "caesura: 2 VMs\r\n[a] one\r\n[b] uno\r\n[a]\r\n[a] two and\r\n[a]+  more\r\nstray [b] no\r\n[b] # ",
        );
        assert_eq!(t.of_vm("a"), "one\n\ntwo and more\n");
        assert_eq!(t.of_vm("b"), "uno\n# \n");
        assert_eq!(t.of_hypervisor(), ["2 VMs"]);
    }

    #[test]
    fn colours_and_cursor_movement_do_not_hide_a_text() {
        assert_eq!(
            transcript("\u{1b}[0m[a] \u{1b}[1;32mok\u{1b}[m\r\n").of_vm("a"),
            "ok\n"
        );
    }

    #[test]
    fn a_character_cut_between_two_reads_is_put_together() {
        let mut t = Transcript::default();
        t.push(b"[a] \xc3");
        t.push(b"\xa9t\xff\xc3\xa9\n");
        assert_eq!(t.of_vm("a"), "ét\u{fffd}é\n");
    }

    #[test]
    fn the_closing_line_says_how_many_failed() {
        assert_eq!(
            transcript("caesura: end: 2 VMs, 1 failed\r\n").end(),
            Some(End { vms: 2, failed: 1 })
        );
        assert_eq!(
            transcript("[a] caesura: end: 2 VMs, 0 failed\r\n").end(),
            None,
            "a guest cannot forge it"
        );
        assert_eq!(transcript("caesura: end: two VMs\r\n").end(), None);
    }

    #[test]
    fn a_lock_order_that_closes_a_circle_is_no_good_run() {
        let system = System {
            name: String::new(),
            description: String::new(),
            timeout: None,
            vms: Vec::new(),
            pools: Vec::new(),
            threads: Vec::new(),
        };
        let end = "caesura: end: 1 VMs, 0 failed\r\n";
        let report =
            "error: core 1: locks are taken in a circle; now:\r\n  #1: held a, taken at b.rs:1\r\n";
        assert_eq!(transcript(end).judge(&system), Ok(()));
        let said = "[a] error: core 1: locks are taken in a circle; now:\r\n";
        let forged = transcript(&format!("{said}{end}"));
        assert_eq!(forged.judge(&system), Ok(()), "a guest cannot forge it");
        let told = transcript(&format!("[a] hal\r\n{report}{end}")).judge(&system);
        assert_eq!(
            told,
            Err("the hypervisor reports that on core 1 locks are taken in a circle".to_owned())
        );
    }

    #[test]
    fn expectations_are_met_in_their_order() {
        let expected = ["one".to_owned(), "two".to_owned()];
        assert_eq!(first_missing("one\ntwo\n", &expected), None);
        assert_eq!(first_missing("two\none\n", &expected), Some("two"));
        assert_eq!(first_missing("", &expected), Some("one"));
    }
}
