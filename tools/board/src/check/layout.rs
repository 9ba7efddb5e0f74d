//! The inside of a VM: kernel, initrd and device tree get their places in its memory.
//!
//! Where nothing is said, the kernel is at the bottom of the VM's RAM as its format wants it, the device
//! tree in the last page(s) of the same piece, the initrd right below it.

use std::ops::Range;

use tables::Region;

use super::files::{Files, dtb_name};
use super::system::Draft;
use super::{Named, needs, overlap, show};
use crate::diag::Diagnostic;
use crate::generate::dtb::{self, Tree};
use crate::image::{Format, Inspected, Needs};
use crate::model::{Board, GuestImage, Inputs, Payload, Vm};
use crate::plan::PAGE;
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
    let mut files = Files::new(inputs, spec.vms.len());
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
            start: self.vm.start,
            may: tables::Permissions::NONE,
            controls: Vec::new(),
            grow: None,
            pv_time: None,
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
