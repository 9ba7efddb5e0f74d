//! The memory map and the VMs as text, for people.

use std::fmt::Write;

use tables::Region;

use crate::model::{Crash, DeviceKind, Model, Payload, Vm};
use crate::size::{about, human};

impl Model {
    /// What `make` prints: the board, the memory map, and each VM with its addresses.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_summary(&mut out);
        out
    }

    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        let board = &self.board;
        writeln!(out, "board   {}: {}", board.name, board.description)?;
        let cores = match board.cpus.len() {
            1 => "1 core".to_owned(),
            n => format!("{n} cores"),
        };
        writeln!(
            out,
            "        {cores} of {} in use, GICv{}",
            board.cpus_present,
            board.gic.version()
        )?;
        write!(out, "system  {}", self.system.name)?;
        match self.system.description.as_str() {
            "" => writeln!(out)?,
            text => writeln!(out, ": {text}")?,
        }
        writeln!(out, "\nphysical memory")?;
        for (region, what) in self.map() {
            let size = human(region.size);
            writeln!(
                out,
                "  {:#012x}..{:#012x}  {size:>10}  {what}",
                region.base,
                region.end()
            )?;
        }
        for vm in &self.system.vms {
            self.write_vm(out, vm)?;
        }
        Ok(())
    }

    /// Everything that has a place in RAM, and what is free between, ascending.
    fn map(&self) -> Vec<(Region, String)> {
        let mut taken = vec![
            (self.plan.kernel, "kernel (room)".to_owned()),
            (self.plan.pack, "pack (room)".to_owned()),
            (self.plan.pool, "pool".to_owned()),
        ];
        for module in &self.plan.modules {
            taken.push((module.region, format!("module {}", module.name)));
        }
        for vm in &self.system.vms {
            for memory in &vm.memory {
                taken.push((memory.pa, format!("{} at guest {:#x}", vm.name, memory.ipa)));
            }
        }
        taken.sort_by_key(|(region, _)| region.base);
        let mut map = Vec::new();
        for ram in &self.board.memory {
            let mut at = ram.base;
            for (region, what) in taken.iter().filter(|(region, _)| region.overlaps(ram)) {
                if at < region.base {
                    map.push((
                        Region {
                            base: at,
                            size: region.base - at,
                        },
                        "free".to_owned(),
                    ));
                }
                map.push((*region, what.clone()));
                at = region.end();
            }
            if at < ram.end() {
                map.push((
                    Region {
                        base: at,
                        size: ram.end() - at,
                    },
                    "free".to_owned(),
                ));
            }
        }
        map
    }

    fn write_vm(&self, out: &mut String, vm: &Vm) -> std::fmt::Result {
        let cores: Vec<String> = vm
            .vcpus
            .iter()
            .enumerate()
            .map(|(index, vcpu)| {
                let cores = self.cores(vcpu.affinity);
                format!("vCPU {index} on {cores}, weight {}", vcpu.weight)
            })
            .collect();
        writeln!(out, "\nVM {}", vm.name)?;
        writeln!(out, "  {}", cores.join("; "))?;
        let line = |what: &str, payload: &Payload| {
            let from = if payload.module {
                "loaded by the boot loader"
            } else {
                "packed"
            };
            format!(
                "  {:#012x}  {what:<12} {} ({}, {from})",
                payload.ipa,
                payload.file.written,
                about(payload.size)
            )
        };
        for memory in &vm.memory {
            let mode = match (memory.writable, memory.executable) {
                (true, true) => "RAM",
                (true, false) => "RAM, not executable",
                (false, true) => "ROM",
                (false, false) => "ROM, not executable",
            };
            writeln!(
                out,
                "  {:#012x}  {:<12} {mode}",
                memory.ipa,
                human(memory.pa.size)
            )?;
        }
        writeln!(out, "{}", line("kernel", &vm.image.kernel))?;
        if let Some(initrd) = &vm.image.initrd {
            writeln!(out, "{}", line("initrd", initrd))?;
        }
        let tree = about(vm.dtb.len() as u64);
        writeln!(
            out,
            "  {:#012x}  {:<12} {} ({tree}, packed)",
            vm.image.dtb_ipa, "device tree", vm.image.dtb_name
        )?;
        for device in &vm.devices {
            let name = match device.kind {
                DeviceKind::Uart => "uart",
                DeviceKind::Rtc => "rtc",
            };
            writeln!(
                out,
                "  {:#012x}  {name:<12} INTID {}",
                device.ipa, device.intid
            )?;
        }
        let crash = match vm.on_crash {
            Crash::Restart(1) => "restarted once".to_owned(),
            Crash::Restart(limit) => format!("restarted, at most {limit} times"),
            Crash::Halt => "halted".to_owned(),
            Crash::PowerOff => "a reason to power the machine off".to_owned(),
        };
        writeln!(out, "  when it crashes it is {crash}")
    }

    /// The cores of a mask: "every core", "core 1", "cores 0, 2".
    fn cores(&self, affinity: u64) -> String {
        let list: Vec<usize> = (0..self.board.cpus.len())
            .filter(|n| affinity >> n & 1 == 1)
            .collect();
        let names: Vec<String> = list.iter().map(ToString::to_string).collect();
        match list.len() {
            n if n == self.board.cpus.len() => "every core".to_owned(),
            1 => format!("core {}", names[0]),
            _ => format!("cores {}", names.join(", ")),
        }
    }
}
