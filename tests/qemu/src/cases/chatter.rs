//! Two VMs print at once while something is typed to either: nothing is lost, doubled or cut, and everything typed
//! reaches the VM that has the console.

use cli::{Failure, Result};

use crate::Machine;

/// Lines of each vCPU, and what they end with: as in `tests/guests/src/chatter.rs`.
const LINES: usize = 1000;
const TAIL: &str = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";

/// Drives `configs/systems/chatter.toml`.
pub fn two_vms(machine: &mut Machine) -> Result<()> {
    // More than the 256 bytes that are kept for a VM: the rest waits in the UART and behind it.
    let long: String = ('a'..='z').cycle().take(400).collect();
    machine.expect("left", "0:0010:")?;
    machine.type_text(&long)?;
    machine.expect("left", "0:0200:")?;
    machine.switch_to(1)?;
    machine.type_text("for the right")?;
    // The prefix twice is one of it for the VM.
    machine.type_text("\u{1}\u{1}")?;
    machine.expect("right", "PRINTED")?;
    machine.type_text("!\r")?;
    machine.expect("right", "TYPED for the right<01>!\n")?;
    machine.switch_to(0)?;
    machine.expect("left", "PRINTED")?;
    machine.type_text("-end\r")?;
    machine.expect("left", &format!("TYPED {long}-end\n"))?;
    for vm in ["left", "right"] {
        complete(vm, &machine.text_of(vm))?;
    }
    Ok(())
}

/// Every line of both vCPUs is there once, whole, and in its vCPU's order.
fn complete(vm: &str, text: &str) -> Result<()> {
    for vcpu in 0..2 {
        let prefix = format!("{vcpu}:");
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with(&prefix))
            .collect();
        // An unfinished line may be shown before another and again below it, even if only its end of line was missing.
        let mut whole: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|line| line.ends_with('.'))
            .collect();
        whole.dedup();
        if whole.len() != LINES {
            return Err(Failure::new(format!(
                "VM {vm} vCPU {vcpu}: {} whole lines",
                whole.len()
            )));
        }
        for (number, line) in whole.iter().enumerate() {
            let expected = format!("{vcpu}:{number:04}:{}.", &TAIL[..number % TAIL.len()]);
            if *line != expected {
                return Err(Failure::new(format!(
                    "VM {vm}: {line:?} instead of {expected:?}"
                )));
            }
        }
        if let Some(cut) = lines
            .iter()
            .find(|line| !line.ends_with('.') && !is_beginning(line))
        {
            return Err(Failure::new(format!(
                "VM {vm}: {cut:?} is no line's beginning"
            )));
        }
    }
    Ok(())
}

/// Whether a piece is the beginning of one of the lines.
fn is_beginning(piece: &str) -> bool {
    let number = piece
        .get(2..6)
        .and_then(|digits| digits.parse::<usize>().ok());
    number.is_none_or(|number| {
        let whole = format!(
            "{}{number:04}:{}.",
            &piece[..2],
            &TAIL[..number % TAIL.len()]
        );
        whole.starts_with(piece)
    })
}
