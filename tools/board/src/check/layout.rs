//! The inside of a VM: its image files are found and understood, and kernel, initrd and device tree get
//! their places in its memory.
//!
//! Where nothing is said, the kernel is at the bottom of the VM's RAM as its format wants it, the device
//! tree in the last page(s) of the same piece, the initrd right below it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use tables::Region;

use super::system::Draft;
use super::{Named, needs, overlap, show};
use crate::diag::{Diagnostic, describe_io};
use crate::generate::dtb::{self, Tree};
use crate::image::{Format, Inspected, Needs, inspect};
use crate::model::{Board, FileRef, GuestImage, Inputs, Payload, Vm};
use crate::plan::PAGE;
use crate::reader::At;
use crate::schema::system::{MemorySpec, SystemSpec, VmSpec};
use crate::size;

/// arm64 Linux wants to be `text_offset` bytes from such a boundary.
const LINUX_ALIGN: u64 = 2 << 20;
const KERNEL: &str = "the kernel";

/// Looks at every VM's files and lays out its memory.
pub(super) fn check(
    spec: &SystemSpec,
    drafts: &mut [Draft],
    board: &Board,
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let mut files = Files {
        inputs,
        names: reserved(spec.vms.len()),
    };
    for (index, (vm, draft)) in spec.vms.iter().zip(drafts).enumerate() {
        let kernel = files.kernel(vm, found);
        let initrd = files.initrd(vm, found);
        features(vm, kernel.as_ref().map(|k| k.1.format), inputs, found);
        if let (Some((kernel, image)), Ok(initrd), Some(memory)) = (kernel, initrd, &draft.memory) {
            let room = Room {
                vm,
                memory,
                board,
                draft,
            };
            draft.finished = room.lay_out(index, kernel, &image, initrd, found);
        }
    }
}

/// What the image needs of the configuration.
fn features(vm: &VmSpec, format: Option<Format>, inputs: &Inputs<'_>, found: &mut Vec<Diagnostic>) {
    let at = &vm.image.kernel.span;
    match format {
        Some(Format::LinuxGzip) => {
            needs(
                inputs.symbols,
                "LOADER_GZIP",
                at,
                "a gzip-compressed kernel",
                found,
            );
        }
        Some(Format::Elf) => needs(inputs.symbols, "LOADER_ELF", at, "an ELF image", found),
        Some(Format::Linux | Format::Flat) | None => {}
    }
    if let Some(at) = &vm.image.module {
        needs(
            inputs.symbols,
            "LOADER_MODULES",
            at,
            "`source = \"module\"`",
            found,
        );
    }
}

/// Names in the pack that are no guest's file.
fn reserved(vms: usize) -> Vec<(String, PathBuf)> {
    let trees = (0..vms).map(dtb_name);
    trees
        .chain([abi::pack::SYMBOLS.to_owned()])
        .map(|name| (name, PathBuf::new()))
        .collect()
}

fn dtb_name(vm: usize) -> String {
    format!("vm{vm}.dtb")
}

/// Finds files and names them.
struct Files<'a> {
    inputs: &'a Inputs<'a>,
    /// Names given so far, with the file each stands for.
    names: Vec<(String, PathBuf)>,
}

impl Files<'_> {
    fn kernel(&mut self, vm: &VmSpec, found: &mut Vec<Diagnostic>) -> Option<(Payload, Inspected)> {
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

    /// `Err` if there should be one but is not.
    fn initrd(&mut self, vm: &VmSpec, found: &mut Vec<Diagnostic>) -> Result<Option<Payload>, ()> {
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

/// A VM's memory, in which things are put.
struct Room<'a> {
    vm: &'a VmSpec,
    memory: &'a [MemorySpec],
    board: &'a Board,
    draft: &'a Draft,
}

fn region(memory: &MemorySpec) -> Region {
    Region {
        base: memory.ipa.value,
        size: memory.size.value,
    }
}

impl Room<'_> {
    fn lay_out(
        &self,
        index: usize,
        mut kernel: Payload,
        image: &Inspected,
        mut initrd: Option<Payload>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Vm> {
        let spec = &self.vm.image;
        let parts = self.kernel_parts(image, found)?;
        // The piece of RAM where initrd and device tree go: the kernel's, unless that is ROM.
        let home = self
            .memory
            .iter()
            .filter(|m| m.writable)
            .find(|m| region(m).overlaps(&parts[0].region))
            .or_else(|| self.memory.iter().find(|m| m.writable));
        let Some(home) = home.map(region) else {
            found.push(
                Diagnostic::new(
                    self.vm.span.clone(),
                    format!("`{}` has no writable memory", self.vm.name.value),
                )
                .help("memory is writable unless it says writable = false"),
            );
            return None;
        };

        // The tree's size does not depend on the addresses in it, so a draft tells it.
        let dtb_size = self.tree(initrd.as_ref(), found)?.len() as u64;
        let dtb_ipa = match &spec.dtb {
            Some(at) => at.value,
            None => home.end().saturating_sub(dtb_size) / PAGE * PAGE,
        };
        let mut placed = parts;
        placed.push(Named {
            name: "the device tree".to_owned(),
            region: Region {
                base: dtb_ipa,
                size: dtb_size,
            },
            span: spec
                .dtb
                .as_ref()
                .map_or(spec.kernel.span.clone(), |at| at.span.clone()),
        });
        if let (Some(initrd), Some(written)) = (&mut initrd, &spec.initrd) {
            let ceiling = if home.base < dtb_ipa && dtb_ipa < home.end() && spec.dtb.is_none() {
                dtb_ipa
            } else {
                home.end()
            };
            // The boot loader's initrd may be another one than today's: leave it half as much again.
            let kernel_end = placed[0].region.end().max(home.base);
            let spare = ceiling
                .saturating_sub(kernel_end)
                .saturating_sub(initrd.size);
            let extra = if initrd.module {
                (initrd.size / 2).min(spare)
            } else {
                0
            };
            initrd.ipa = ceiling.saturating_sub(initrd.size + extra) / PAGE * PAGE;
            placed.push(Named {
                name: "the initrd".to_owned(),
                region: Region {
                    base: initrd.ipa,
                    size: initrd.size,
                },
                span: written.span.clone(),
            });
        }
        if !self.everything_fits(&placed, found) {
            return None;
        }
        kernel.ipa = placed[0].region.base;
        kernel.limit = self.room_from(kernel.ipa, &placed);
        if let Needs::Elf { segments, .. } = &image.needs {
            // An ELF may have parts on both sides of something else: only their sum is limited.
            kernel.limit = segments.iter().map(|segment| segment.size).sum();
        }
        if let Some(initrd) = &mut initrd {
            initrd.limit = self.room_from(initrd.ipa, &placed);
        }
        self.entry(image, found);
        Some(Vm {
            name: self.vm.name.value.clone(),
            memory: Vec::new(),
            vcpus: self.draft.vcpus.clone(),
            dtb: self.tree(initrd.as_ref(), found)?,
            image: GuestImage {
                kernel,
                format: image.format,
                initrd,
                bootargs: spec.bootargs.value.clone(),
                entry: spec.entry.as_ref().map(|entry| entry.value),
                dtb_ipa,
                dtb_limit: self.room_from(dtb_ipa, &placed),
                dtb_name: dtb_name(index),
            },
            devices: self.draft.devices.clone(),
            on_crash: self.vm.on_crash,
            expect: self
                .vm
                .expect
                .iter()
                .map(|text| text.value.clone())
                .collect(),
        })
    }

    /// The ranges that the kernel will take; the first begins where it is loaded.
    fn kernel_parts(&self, image: &Inspected, found: &mut Vec<Diagnostic>) -> Option<Vec<Named>> {
        let spec = &self.vm.image;
        let span = spec
            .load
            .as_ref()
            .map_or(&spec.kernel.span, |load| &load.span);
        let named = |name: &str, base, size| Named {
            name: name.to_owned(),
            region: Region { base, size },
            span: Range::clone(span),
        };
        let load = spec.load.as_ref().map(|load| load.value);
        match &image.needs {
            Needs::Elf { segments, .. } => {
                if let Some(load) = &spec.load {
                    found.push(
                        Diagnostic::new(
                            load.span.clone(),
                            "an ELF file says itself where it is loaded",
                        )
                        .label("cannot be moved")
                        .help("drop `load`, or link the program for another address"),
                    );
                    return None;
                }
                Some(
                    segments
                        .iter()
                        .map(|s| named(KERNEL, s.base, s.size))
                        .collect(),
                )
            }
            Needs::Flat { size } => {
                let base = load.unwrap_or(self.memory[0].ipa.value);
                Some(vec![named(KERNEL, base, *size)])
            }
            Needs::Linux { text_offset, size } => {
                let ram = self.memory.iter().find(|m| m.writable && m.executable)?;
                let lowest = ram.ipa.value.next_multiple_of(LINUX_ALIGN) + text_offset;
                let base = load.unwrap_or(lowest);
                if base % LINUX_ALIGN != text_offset % LINUX_ALIGN {
                    found.push(
                        Diagnostic::new(
                            span.clone(),
                            format!("Linux cannot be loaded at {base:#x}"),
                        )
                        .label(match text_offset {
                            0 => "must be a multiple of 2 MiB".to_owned(),
                            offset => format!("must be a multiple of 2 MiB plus {offset:#x}"),
                        })
                        .help(format!("leave `load` out to have it at {lowest:#x}")),
                    );
                    return None;
                }
                Some(vec![named(KERNEL, base, *size)])
            }
        }
    }

    fn everything_fits(&self, placed: &[Named], found: &mut Vec<Diagnostic>) -> bool {
        let before = found.len();
        // If the sum is too large, every place would be reported; the sum says it better.
        let needed: u64 = placed
            .iter()
            .map(|part| part.region.size.next_multiple_of(PAGE))
            .sum();
        let has: u64 = self.memory.iter().map(|m| m.size.value).sum();
        if needed > has {
            let list: Vec<String> = placed
                .iter()
                .map(|part| format!("{} {}", part.name, size::about(part.region.size)))
                .collect();
            let at = &self.memory[0].size.span;
            found.push(
                Diagnostic::new(
                    at.clone(),
                    format!(
                        "the images of `{}` do not fit into its memory",
                        self.vm.name.value
                    ),
                )
                .label(format!("it has {}", size::human(has)))
                .note(format!("needed: {}", list.join(", ")))
                .help(format!(
                    "give it at least {}",
                    size::human(needed.next_multiple_of(1 << 20))
                )),
            );
            return false;
        }
        for part in placed {
            let inside = |m: &&MemorySpec| {
                m.ipa.value <= part.region.base && part.region.end() <= region(m).end()
            };
            if !self.memory.iter().any(|m| inside(&m)) {
                let has: Vec<String> = self.memory.iter().map(|m| show(&region(m))).collect();
                found.push(
                    Diagnostic::new(
                        part.span.clone(),
                        format!(
                            "{} is outside the memory of `{}`",
                            part.name, self.vm.name.value
                        ),
                    )
                    .label(format!("takes {}", show(&part.region)))
                    .help(format!("the VM's memory is {}", has.join(", "))),
                );
            }
        }
        if found.len() == before {
            for (index, later) in placed.iter().enumerate() {
                for earlier in &placed[..index] {
                    // Segments of one ELF file are its linker's business.
                    let one_file = later.name == KERNEL && earlier.name == KERNEL;
                    if !one_file && later.region.overlaps(&earlier.region) {
                        found.push(overlap(later, earlier));
                    }
                }
            }
        }
        found.len() == before
    }

    /// Bytes from `ipa` to whatever comes next.
    fn room_from(&self, ipa: u64, placed: &[Named]) -> u64 {
        let inside = |m: &&MemorySpec| m.ipa.value <= ipa && ipa < region(m).end();
        let end = self
            .memory
            .iter()
            .find(inside)
            .map_or(ipa, |m| region(m).end());
        let next = placed
            .iter()
            .map(|part| part.region.base)
            .filter(|base| *base > ipa)
            .min();
        next.unwrap_or(end).min(end) - ipa
    }

    fn entry(&self, image: &Inspected, found: &mut Vec<Diagnostic>) {
        let (entry, span) = match (&self.vm.image.entry, &image.needs) {
            (Some(entry), _) => (entry.value, &entry.span),
            (None, Needs::Elf { entry, .. }) => (*entry, &self.vm.image.kernel.span),
            (None, _) => return,
        };
        let error = Diagnostic::new(
            span.clone(),
            format!("the entry point {entry:#x} cannot be executed"),
        );
        let inside = |m: &&MemorySpec| m.ipa.value <= entry && entry < region(m).end();
        match self.memory.iter().find(inside) {
            None => found.push(error.label("it is outside the VM's memory")),
            Some(m) if !m.executable => {
                found.push(error.label("its memory has executable = false"))
            }
            Some(_) if entry % 4 != 0 => found.push(error.label("instructions are 4-byte aligned")),
            Some(_) => {}
        }
    }

    /// The device tree, which nothing but a mistake in this tool can keep from being written.
    fn tree(&self, initrd: Option<&Payload>, found: &mut Vec<Diagnostic>) -> Option<Vec<u8>> {
        let tree = Tree {
            name: &self.vm.name.value,
            memory: self
                .memory
                .iter()
                .filter(|m| m.writable)
                .map(region)
                .collect(),
            vcpus: self.draft.vcpus.len(),
            gic_version: self.board.gic.version(),
            devices: &self.draft.devices,
            bootargs: &self.vm.image.bootargs.value,
            initrd: initrd.map(|initrd| (initrd.ipa, initrd.ipa.saturating_add(initrd.size))),
        };
        match dtb::write(&tree) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let title = format!("the device tree of `{}` cannot be written", tree.name);
                found.push(Diagnostic::new(self.vm.span.clone(), title).label(error.to_string()));
                None
            }
        }
    }
}
