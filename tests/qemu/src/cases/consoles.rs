//! Tests that sit at the keyboard.

use cli::Result;

use crate::Machine;

/// U-Boot comes to its prompt, answers `version`, and powers its VM off.
pub fn uboot(machine: &mut Machine) -> Result<()> {
    machine.expect("uboot", "Hit any key to stop autoboot")?;
    machine.type_text("\r")?;
    machine.expect("uboot", "=> ")?;
    machine.type_text("version\r")?;
    machine.expect("uboot", "U-Boot 20")?;
    machine.expect("uboot", "=> ")?;
    machine.type_text("poweroff\r")
}

/// Two Linux VMs reach their shells; each runs what is typed to it and nothing that is typed to the other; the
/// machine ends when both have powered off.
pub fn shells(machine: &mut Machine) -> Result<()> {
    for vm in ["linux0", "linux1"] {
        machine.expect(vm, "ready. 'poweroff' ends this guest.")?;
    }
    // What the shell echoes back is not what it answers: the sum is in the answer only.
    machine.type_text("echo first $((1200 + 34))\r")?;
    machine.expect("linux0", "first 1234")?;
    machine.switch_to(1)?;
    machine.type_text("echo second $((5600 + 78))\r")?;
    machine.expect("linux1", "second 5678")?;
    machine.type_text("poweroff\r")?;
    machine.expect("linux1", "reboot: Power down")?;
    machine.switch_to(0)?;
    machine.type_text("echo third $((9000 + 1))\r")?;
    machine.expect("linux0", "third 9001")?;
    machine.type_text("poweroff\r")
}
