//! The memory map and the VMs as text, for people.

use std::fmt::Write;

use tables::{Policy, Region, Start};

use crate::check::params::name as policy_name;
use crate::model::{Crash, DeviceKind, Model, Params, Payload, Vm};
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
        self.write_sharing(out)?;
        for vm in &self.system.vms {
            self.write_vm(out, vm)?;
        }
        Ok(())
    }

    /// Pools with their policies and tables, and the hypervisor's threads.
    fn write_sharing(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\ncores")?;
        for pool in &self.system.pools {
            let cores = self.cores(pool.cores);
            let policy = policy_name(pool.policy);
            write!(out, "  pool {:<12} {cores}, {policy}", pool.name)?;
            match pool.frame_us {
                0 => writeln!(out)?,
                frame => writeln!(out, ", frame of {frame} µs")?,
            }
            for window in &pool.windows {
                writeln!(
                    out,
                    "    {:>8} to {:>8} µs  {} on {}",
                    window.start_us,
                    window.start_us + window.length_us,
                    self.partition(window.partition),
                    self.cores(window.cores)
                )?;
            }
        }
        let preemptible = self.board.cpus.iter().enumerate();
        let mask = preemptible
            .filter(|(_, cpu)| cpu.preemptible)
            .fold(0, |mask, (index, _)| mask | 1u64 << index);
        if mask != 0 {
            writeln!(
                out,
                "  preemptible       {}; {} stacks for threads",
                self.cores(mask),
                self.system.thread_stacks()
            )?;
        }
        for thread in &self.system.threads {
            let cores = self.cores(thread.affinity);
            let how = self.how(thread.affinity, &thread.params);
            let when = if thread.background {
                ", in the background"
            } else {
                ""
            };
            writeln!(out, "  thread {:<10} {cores}{how}{when}", thread.name)?;
        }
        Ok(())
    }

    /// Whose windows those of a partition are.
    fn partition(&self, partition: u16) -> &str {
        self.system
            .vms
            .get(usize::from(partition))
            .map_or("the hypervisor's threads", |vm| &vm.name)
    }

    /// What the policy of its pool makes of a vCPU's or thread's parameters.
    fn how(&self, affinity: u64, params: &Params) -> String {
        let pools = &self.system.pools;
        let policy = pools
            .iter()
            .find(|pool| pool.cores & affinity != 0)
            .map(|pool| pool.policy);
        match policy {
            Some(Policy::RoundRobin) => format!(", weight {}", params.weight),
            Some(Policy::Credit) if params.cap != 0 => {
                format!(", weight {}, at most {} %", params.weight, params.cap)
            }
            Some(Policy::Credit) => format!(", weight {}", params.weight),
            Some(Policy::FixedPriority) => format!(", priority {}", params.priority),
            Some(Policy::Edf) if params.budget_us != 0 => {
                format!(", {} of every {} µs", params.budget_us, params.period_us)
            }
            Some(Policy::Edf) => ", what is left".to_owned(),
            Some(Policy::Cyclic | Policy::Null) | None => String::new(),
        }
    }

    /// Everything that has a place in RAM, and what is free between, ascending.
    fn map(&self) -> Vec<(Region, String)> {
        let mut taken = vec![
            (self.plan.kernel, "kernel (room)".to_owned()),
            (self.plan.pack, "pack (room)".to_owned()),
            (self.plan.pool, "pool".to_owned()),
        ];
        if let Some(heap) = self.plan.heap {
            taken.push((heap, "heap".to_owned()));
        }
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
                let how = self.how(vcpu.affinity, &vcpu.params);
                format!("vCPU {index} on {cores}{how}")
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
        if let Some(page) = vm.pv_time {
            writeln!(out, "  {page:#012x}  {:<12} one page", "stolen time")?;
        }
        if let Some(window) = vm.grow {
            let size = human(window.size);
            writeln!(
                out,
                "  {:#012x}  {size:<12} at most, populated from the heap",
                window.base
            )?;
        }
        let controls: Vec<&str> = vm
            .controls
            .iter()
            .filter_map(|other| Some(self.system.vms.get(*other)?.name.as_str()))
            .collect();
        if !controls.is_empty() {
            writeln!(out, "  it controls {}", controls.join(", "))?;
        }
        if vm.start == Start::Manual {
            writeln!(out, "  it is not started at boot")?;
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
