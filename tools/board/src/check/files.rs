//! The files that a system names: where they are, what they are called in the pack, and whether they can be
//! booted.

use std::path::{Path, PathBuf};

use crate::diag::{Diagnostic, describe_io};
use crate::image::{Inspected, inspect};
use crate::model::{FileRef, Inputs, Payload};
use crate::reader::At;
use crate::schema::system::VmSpec;

/// Names in the pack that are no guest's file.
fn reserved(vms: usize) -> Vec<(String, PathBuf)> {
    let trees = (0..vms).map(dtb_name);
    trees
        .chain([abi::pack::SYMBOLS.to_owned()])
        .map(|name| (name, PathBuf::new()))
        .collect()
}

/// Name of a VM's device tree, in the pack and among the outputs.
pub(super) fn dtb_name(vm: usize) -> String {
    format!("vm{vm}.dtb")
}

/// Finds files and names them.
pub(super) struct Files<'a> {
    inputs: &'a Inputs<'a>,
    /// Names given so far, with the file each stands for.
    names: Vec<(String, PathBuf)>,
}

impl<'a> Files<'a> {
    /// Before any file was named.
    pub fn new(inputs: &'a Inputs<'a>, vms: usize) -> Self {
        Self {
            inputs,
            names: reserved(vms),
        }
    }

    /// The kernel, and what it is.
    pub fn kernel(
        &mut self,
        vm: &VmSpec,
        found: &mut Vec<Diagnostic>,
    ) -> Option<(Payload, Inspected)> {
        let written = &vm.image.kernel;
        let (payload, bytes) = self.payload(vm, written, "kernel", found)?;
        match inspect(&bytes, vm.image.format.value) {
            Ok(image) => Some((payload, image)),
            Err(unusable) => {
                found.push(
                    Diagnostic::new(
                        written.span.clone(),
                        format!("`{}` cannot be booted", written.value),
                    )
                    .label(unusable.what)
                    .help(unusable.help),
                );
                None
            }
        }
    }

    /// The initrd, if there is to be one; `Err` if it cannot be had.
    pub fn initrd(
        &mut self,
        vm: &VmSpec,
        found: &mut Vec<Diagnostic>,
    ) -> Result<Option<Payload>, ()> {
        let Some(written) = &vm.image.initrd else {
            return Ok(None);
        };
        let (payload, bytes) = self.payload(vm, written, "initrd", found).ok_or(())?;
        if bytes.is_empty() {
            found.push(
                Diagnostic::new(written.span.clone(), "the initrd is empty").label("0 bytes"),
            );
        }
        Ok(Some(payload))
    }

    fn payload(
        &mut self,
        vm: &VmSpec,
        written: &At<String>,
        what: &str,
        found: &mut Vec<Diagnostic>,
    ) -> Option<(Payload, Vec<u8>)> {
        let read = self
            .path(&written.value)
            .and_then(|path| match std::fs::read(&path) {
                Ok(bytes) => Ok((path, bytes)),
                Err(error) => Err((describe_io(&error), self.how_to_get(&written.value, &path))),
            });
        match read {
            Ok((path, bytes)) => {
                let module = vm.image.module.is_some();
                let name = self.name(&written.value, &path);
                let file = FileRef {
                    written: written.value.clone(),
                    path,
                };
                let size = bytes.len() as u64;
                Some((
                    Payload {
                        file,
                        name,
                        module,
                        ipa: 0,
                        limit: 0,
                        size,
                    },
                    bytes,
                ))
            }
            Err((label, help)) => {
                found.push(
                    Diagnostic::new(
                        written.span.clone(),
                        format!("the {what} `{}` cannot be read", written.value),
                    )
                    .label(label)
                    .help(help),
                );
                None
            }
        }
    }

    /// Where a name in the TOML leads.
    fn path(&self, written: &str) -> Result<PathBuf, (String, String)> {
        let Some(special) = written.strip_prefix('@') else {
            let folder = self.inputs.system.parent().unwrap_or(Path::new(""));
            return Ok(folder.join(written));
        };
        let (place, rest) = special.split_once('/').unwrap_or((special, ""));
        let base = match place {
            "guests" => self.inputs.guests,
            "built" => self.inputs.built,
            _ => {
                return Err((
                    format!("there is no place `@{place}`"),
                    "`@guests/` is what `make setup` fetched, `@built/` what tests/guests builds; \
                     other names are relative to this file"
                        .to_owned(),
                ));
            }
        };
        match base {
            Some(base) => Ok(base.join(rest)),
            None => Err((
                "it is not set up yet".to_owned(),
                self.how_to_get(written, Path::new("")),
            )),
        }
    }

    fn how_to_get(&self, written: &str, path: &Path) -> String {
        if written.starts_with("@guests/") {
            "`make setup` fetches and prepares what is below @guests/: linux/Image, linux/Image.gz, \
             linux/initrd-shell.cpio.gz, linux/initrd-check.cpio.gz, u-boot/u-boot.bin"
                .to_owned()
        } else if let Some(name) = written.strip_prefix("@built/") {
            let program = name.strip_suffix(".elf").unwrap_or(name);
            format!(
                "@built/ holds the programs of tests/guests: is there a tests/guests/src/bin/{program}.rs?"
            )
        } else {
            format!(
                "names are relative to this file's folder: looked for {}",
                path.display()
            )
        }
    }

    /// A name for pack or boot loader: what was written, without what the pack's names cannot hold. The
    /// same file gets the same name, another file another.
    fn name(&mut self, written: &str, path: &Path) -> String {
        if let Some((name, _)) = self.names.iter().find(|(_, known)| known == path) {
            return name.clone();
        }
        let tail = written
            .trim_start_matches('@')
            .trim_start_matches("guests/");
        let plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
        let mut name: String = tail
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        // Room for the number below.
        let keep = abi::pack::NAME_SIZE - 8;
        if name.len() > keep {
            name = name.split_off(name.len() - keep);
        }
        if self.names.iter().any(|(taken, _)| *taken == name) {
            name = format!("{name}.{}", self.names.len());
        }
        self.names.push((name.clone(), path.to_owned()));
        name
    }
}
