//! Bringing a VM's images into its memory, in slices short enough to be done with interrupts masked.
//!
//! Phases: clear all of the VM's memory (nothing of an earlier life, or of the boot loader, shows), then load kernel,
//! device tree and initial RAM disk. What was written is cleaned from the caches, because a guest starts with
//! its own off.

use arch::ram::Ram;
use loader::{File, GuestMemory, Kind, Loader, Step, Workspace};
use psci::Entry;
use tables::{Module, Source};

use crate::config::SYSTEM;
use crate::vm::Vm;
use crate::{chosen, hw, pack};

/// Bytes loaded per slice; a slice takes a few thousand instructions, more for compressed images.
const SLICE: usize = 4096;
/// Bytes cleared per slice.
const CLEAR_SLICE: u64 = 16 * 1024;

/// The most pieces of memory that a VM has.
const PIECES: usize = pieces();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, for which an overflow or a wrong index is an error"
)]
const fn pieces() -> usize {
    let (mut most, mut vm) = (1, 0);
    while vm < SYSTEM.vms.len() {
        if SYSTEM.vms[vm].memory.len() > most {
            most = SYSTEM.vms[vm].memory.len();
        }
        vm += 1;
    }
    most
}

/// How far a VM's loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// Everything is in place.
    Done(Entry),
    /// It cannot be done; the log says why.
    Failed,
}

/// A VM's loading.
pub struct Job {
    memory: Memory,
    workspace: Workspace,
    phase: Phase,
    loader: Option<Loader<'static>>,
    entry: u64,
    initrd: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Clear { piece: usize, done: u64 },
    Kernel,
    DeviceTree,
    Initrd,
    Patch,
}

impl Job {
    /// Nothing to do.
    pub const fn new() -> Self {
        Self {
            memory: Memory {
                pieces: [const { None }; PIECES],
            },
            workspace: Workspace::new(),
            phase: Phase::Idle,
            loader: None,
            entry: 0,
            initrd: None,
        }
    }

    /// Begins to load the VM that `table` describes, none of whose vCPUs runs.
    pub fn begin(&mut self, table: &'static tables::Vm) {
        for (piece, memory) in self.memory.pieces.iter_mut().zip(table.memory) {
            if piece.is_none() {
                *piece = Some((memory.ipa, hw::ram(memory.pa)));
            }
        }
        self.phase = Phase::Clear { piece: 0, done: 0 };
        self.loader = None;
        self.initrd = None;
    }

    fn step(&mut self, vm: &Vm) -> Result<Progress, Fault> {
        let image = &vm.table.image;
        match self.phase {
            Phase::Idle => return Err(Fault::Idle),
            Phase::Clear { piece, done } => self.phase = self.memory.clear(piece, done),
            Phase::Kernel => {
                if let Some(loaded) = self.file("kernel", image.kernel, Kind::Kernel)? {
                    self.entry = image.entry.unwrap_or(loaded.entry);
                    self.phase = Phase::DeviceTree;
                }
            }
            Phase::DeviceTree => {
                if self
                    .file("device tree", image.dtb, Kind::Verbatim)?
                    .is_some()
                {
                    self.phase = if image.initrd.is_some() {
                        Phase::Initrd
                    } else {
                        Phase::Patch
                    };
                }
            }
            Phase::Initrd => match image.initrd {
                None => self.phase = Phase::Patch,
                Some(initrd) => {
                    if let Some(loaded) = self.file("initrd", initrd, Kind::Verbatim)? {
                        self.initrd = Some((loaded.start, loaded.end));
                        self.phase = Phase::Patch;
                    }
                }
            },
            Phase::Patch => {
                self.patch(image.dtb)?;
                arch::cache::invalidate_instructions();
                self.phase = Phase::Idle;
                let entry = Entry {
                    address: self.entry,
                    context: image.dtb.ipa,
                };
                return Ok(Progress::Done(entry));
            }
        }
        Ok(Progress::More)
    }

    /// Goes on with a file; where it lies once it is there.
    fn file(
        &mut self,
        what: &'static str,
        module: Module,
        kind: Kind,
    ) -> Result<Option<loader::Loaded>, Fault> {
        if self.loader.is_none() {
            let (data, crc) = find(module.source).ok_or(Fault::Missing(what, module.source))?;
            let file = File {
                data,
                crc,
                ipa: module.ipa,
                limit: module.limit,
                kind,
            };
            self.loader = Some(Loader::new(file));
        }
        let Some(loader) = &mut self.loader else {
            return Ok(None);
        };
        match loader.step(&mut self.memory, &mut self.workspace, SLICE) {
            Ok(Step::More) => Ok(None),
            Ok(Step::Done(loaded)) => {
                self.loader = None;
                Ok(Some(loaded))
            }
            Err(error) => Err(Fault::File(what, error)),
        }
    }

    /// Tells the guest's device tree where its initial RAM disk really is: the tool knows that only of packed ones.
    fn patch(&mut self, dtb: Module) -> Result<(), Fault> {
        let Some((start, end)) = self.initrd else {
            return Ok(());
        };
        let (tree, _) = find(dtb.source).ok_or(Fault::Missing("device tree", dtb.source))?;
        let blob = self.memory.slice(dtb.ipa, tree.len()).ok_or(Fault::Idle)?;
        loader::dtb::set_initrd(blob, start, end).map_err(Fault::DeviceTree)?;
        self.memory.written(dtb.ipa, tree.len() as u64);
        Ok(())
    }
}

/// Why a VM cannot be loaded.
enum Fault {
    /// A file is not where the table says.
    Missing(&'static str, Source),
    /// A file cannot be used.
    File(&'static str, loader::LoadError),
    /// The device tree cannot be changed.
    DeviceTree(loader::dtb::DtbError),
    /// Nobody asked for it.
    Idle,
}

/// Does one slice of a VM's loading; interrupts are open.
pub fn step(vm: &'static Vm) -> Progress {
    let Some(mut job) = vm.job.try_lock() else {
        // Whoever stopped it is about to begin it anew.
        return Progress::More;
    };
    match job.step(vm) {
        Ok(progress) => progress,
        Err(fault) => {
            let name = vm.table.name;
            match fault {
                Fault::Missing(what, Source::Pack(entry)) => {
                    log::error!(
                        "VM {name}: its {what} is not in the image's pack (entry `{entry}`)"
                    );
                }
                Fault::Missing(what, Source::Chosen(entry)) => log::error!(
                    "VM {name}: its {what} was not loaded: the boot loader's device tree has no /chosen module \
                     whose bootargs are `{entry}`"
                ),
                Fault::File(what, error) => log::error!("VM {name}: its {what}: {error}"),
                Fault::DeviceTree(error) => log::error!("VM {name}: its device tree: {error}"),
                Fault::Idle => log::error!("VM {name}: loading was resumed that had not begun"),
            }
            Progress::Failed
        }
    }
}

/// A file's bytes, and its checksum if it has one.
fn find(source: Source) -> Option<(&'static [u8], Option<u32>)> {
    match source {
        Source::Pack(name) => pack::find(name).map(|entry| (entry.data, Some(entry.crc))),
        Source::Chosen(name) => chosen::find(name).map(|data| (data, None)),
    }
}

/// A VM's memory while it does not run.
struct Memory {
    /// Guest physical address and RAM of each piece.
    pieces: [Option<(u64, Ram)>; PIECES],
}

impl Memory {
    /// Clears some of piece number `piece`, of which `done` bytes are cleared.
    fn clear(&mut self, piece: usize, done: u64) -> Phase {
        let Some(Some((_, ram))) = self.pieces.get_mut(piece) else {
            return Phase::Kernel;
        };
        let left = ram.size().saturating_sub(done);
        let size = left.min(CLEAR_SLICE);
        let pa = ram.base().saturating_add(done);
        ram.clear(pa, size);
        arch::cache::clean_and_invalidate(pa, size);
        if size == left {
            Phase::Clear {
                piece: piece.saturating_add(1),
                done: 0,
            }
        } else {
            Phase::Clear {
                piece,
                done: done.saturating_add(size),
            }
        }
    }

    /// The piece in which `ipa` lies, and the physical address for it.
    fn find(&mut self, ipa: u64) -> Option<(&mut Ram, u64)> {
        self.pieces.iter_mut().flatten().find_map(|(base, ram)| {
            let offset = ipa
                .checked_sub(*base)
                .filter(|offset| *offset < ram.size())?;
            let pa = ram.base().checked_add(offset)?;
            Some((ram, pa))
        })
    }
}

impl GuestMemory for Memory {
    fn slice(&mut self, ipa: u64, len: usize) -> Option<&mut [u8]> {
        let (ram, pa) = self.find(ipa)?;
        ram.slice_mut(pa, len)
    }

    fn written(&mut self, ipa: u64, len: u64) {
        if let Some((_, pa)) = self.find(ipa) {
            arch::cache::clean_and_invalidate(pa, len);
        }
    }
}
