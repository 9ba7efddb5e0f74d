//! QEMU's command line for a board.

use std::path::PathBuf;

use crate::model::{Conduit, Model};

/// What a run decides, not the configuration.
#[derive(Clone, Debug)]
pub struct QemuOptions {
    /// `caesura.img`.
    pub image: PathBuf,
    /// `-cpu`, instead of the board's.
    pub cpu: Option<String>,
    /// Number of cores, instead of the model's.
    pub cpus: Option<usize>,
}

impl Model {
    /// QEMU's arguments, without the program's name: machine, memory, cores, the image, modules, and the
    /// UART on standard input and output.
    ///
    /// # Errors
    /// QEMU does not have the board.
    pub fn qemu_args(&self, options: &QemuOptions) -> Result<Vec<String>, String> {
        let board = &self.board;
        let qemu = board.qemu.as_ref().ok_or_else(|| {
            format!(
                "board `{}` has no [qemu] section: QEMU does not have this machine",
                board.name
            )
        })?;
        let version = board.gic.version().to_string();
        let memory: u64 = board.memory.iter().map(|region| region.size).sum();
        let cpus = match board.psci {
            Conduit::None => 1,
            Conduit::Smc | Conduit::Hvc => options.cpus.unwrap_or(board.cpus.len()),
        };
        let mut args = Vec::new();
        let mut push = |words: &[&str]| args.extend(words.iter().map(|word| (*word).to_owned()));
        push(&["-M", &qemu.machine.replace("{gic}", &version)]);
        if let Some(cpu) = options.cpu.as_ref().or(qemu.cpu.as_ref()) {
            push(&["-cpu", cpu]);
        }
        // A plain number is in MiB.
        push(&["-m", &(memory >> 20).to_string()]);
        push(&["-smp", &cpus.to_string()]);
        push(&[
            "-display",
            "none",
            "-audio",
            "none",
            "-monitor",
            "none",
            "-no-reboot",
        ]);
        push(&["-serial", "stdio"]);
        push(&["-kernel", &options.image.display().to_string()]);
        for module in &self.plan.modules {
            // Every comma in a value must be doubled, or QEMU takes it for the next option.
            let path = module.path.display().to_string().replace(',', ",,");
            push(&[
                "-device",
                &format!(
                    "guest-loader,addr={:#x},kernel={path},bootargs={}",
                    module.region.base, module.name
                ),
            ]);
        }
        push(&qemu.args.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(args)
    }
}
