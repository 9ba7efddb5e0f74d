//! [`Loader`]: one file into guest memory, a bounded piece at a time.

use crate::LoadError;
use crate::checksum::Running;
use crate::elf::Elf;
use crate::gzip::{Gzip, Workspace};
use crate::image::{self, Format};

/// The memory of a guest that does not run yet.
pub trait GuestMemory {
    /// The `len` bytes at guest physical address `ipa`; `None` unless all of them are RAM of this guest and
    /// contiguous for the hypervisor. Also given for memory that the guest itself may only read.
    fn slice(&mut self, ipa: u64, len: usize) -> Option<&mut [u8]>;

    /// Told after every piece: these bytes are final. A guest starts with its caches off, so they must be
    /// cleaned to the point of coherency before it does (and the instruction cache be invalidated).
    fn written(&mut self, ipa: u64, len: u64) {
        let _ = (ipa, len);
    }
}

/// What is to be loaded, and where.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The file.
    pub data: &'a [u8],
    /// The CRC-32 it must have; `None` if nobody knows (modules of a boot loader).
    pub crc: Option<u32>,
    /// Guest physical address for its first byte; an ELF's segments say so themselves.
    pub ipa: u64,
    /// How many bytes it may use from there, for an ELF: in all segments together.
    pub limit: u64,
    /// What to do with it.
    pub kind: Kind,
}

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Recognise its format: `Image`, gzip, ELF; anything else is copied.
    Kernel,
    /// Copy it, whatever it is: device trees, initial RAM disks.
    Verbatim,
}

/// What a step achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something remains to be done.
    More,
    /// The file is in memory.
    Done(Loaded),
}

/// Where a file now is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Where to enter it, as far as the file itself says: an ELF's entry point, else its first byte.
    pub entry: u64,
    /// Its first byte.
    pub start: u64,
    /// The first byte after it, memory that its header claims (bss) included.
    pub end: u64,
}

/// Loads one file. Small; the state that inflating needs is in [`Workspace`].
pub struct Loader<'a> {
    file: File<'a>,
    phase: Phase<'a>,
}

enum Phase<'a> {
    Verify {
        crc: Running,
        at: usize,
    },
    Recognise,
    Copy {
        at: usize,
        loaded: Loaded,
    },
    Inflate(Gzip<'a>),
    Segments {
        elf: Elf<'a>,
        segment: usize,
        at: u64,
    },
    Done(Loaded),
}

impl<'a> Loader<'a> {
    /// Begins; nothing is read yet.
    #[must_use]
    pub fn new(file: File<'a>) -> Self {
        Self {
            file,
            phase: Phase::Verify {
                crc: Running::new(),
                at: 0,
            },
        }
    }

    /// Reads, writes or zeroes at most about `budget` bytes (at least one).
    ///
    /// After `Done` and after an error further steps change nothing and return the same again, or another
    /// error.
    ///
    /// # Errors
    /// What is wrong with the file, or with where it should go. Memory may be partly written.
    pub fn step(
        &mut self,
        memory: &mut dyn GuestMemory,
        workspace: &mut Workspace,
        budget: usize,
    ) -> Result<Step, LoadError> {
        let budget = budget.max(1);
        let file = self.file;
        match &mut self.phase {
            Phase::Verify { crc, at } => {
                let rest = file.data.get(*at..).unwrap_or_default();
                let piece = rest.get(..budget).unwrap_or(rest);
                if let Some(expected) = file.crc {
                    crc.update(piece);
                    *at = at.saturating_add(piece.len());
                    if *at < file.data.len() {
                        return Ok(Step::More);
                    }
                    let found = core::mem::take(crc).finish();
                    if found != expected {
                        return Err(LoadError::Damaged { expected, found });
                    }
                }
                self.phase = Phase::Recognise;
            }
            Phase::Recognise => self.phase = recognise(&file, workspace)?,
            Phase::Copy { at, loaded } => {
                let rest = file.data.get(*at..).unwrap_or_default();
                let piece = rest.get(..budget).unwrap_or(rest);
                let ipa = file.ipa.wrapping_add(*at as u64);
                write(memory, ipa, piece)?;
                *at = at.saturating_add(piece.len());
                if *at >= file.data.len() {
                    self.phase = Phase::Done(*loaded);
                }
            }
            Phase::Inflate(gzip) => {
                if let Some(size) = gzip.step(memory, workspace, file.ipa, budget)? {
                    self.phase = Phase::Done(inflated(&file, memory, size)?);
                }
            }
            Phase::Segments { elf, segment, at } => match elf.segment(*segment) {
                None => self.phase = Phase::Done(elf.loaded()),
                Some(part) => {
                    if let Some(rest) = part
                        .data
                        .get(usize::try_from(*at).unwrap_or(usize::MAX)..)
                        .filter(|r| !r.is_empty())
                    {
                        let piece = rest.get(..budget).unwrap_or(rest);
                        write(memory, part.ipa.wrapping_add(*at), piece)?;
                        *at = at.saturating_add(piece.len() as u64);
                    } else if *at < part.size {
                        let piece = part.size.saturating_sub(*at).min(budget as u64);
                        zero(memory, part.ipa.wrapping_add(*at), piece)?;
                        *at = at.saturating_add(piece);
                    }
                    if *at >= part.size {
                        *segment = segment.saturating_add(1);
                        *at = 0;
                    }
                }
            },
            Phase::Done(_) => {}
        }
        Ok(match &self.phase {
            Phase::Done(loaded) => Step::Done(*loaded),
            _ => Step::More,
        })
    }
}

/// Decides what to do with a verified file.
fn recognise<'a>(file: &File<'a>, workspace: &mut Workspace) -> Result<Phase<'a>, LoadError> {
    if file.data.is_empty() {
        return Err(LoadError::Empty);
    }
    let format = match file.kind {
        Kind::Verbatim => Format::Flat,
        Kind::Kernel => image::recognise(file.data),
    };
    let size = match format {
        Format::Gzip => return Gzip::new(file.data, file.limit, workspace).map(Phase::Inflate),
        Format::Elf => {
            let elf = Elf::new(file.data, file.limit)?;
            return Ok(Phase::Segments {
                elf,
                segment: 0,
                at: 0,
            });
        }
        Format::EfiZboot => return Err(LoadError::EfiZboot),
        Format::Image(header) => {
            header.check(file.ipa, file.limit)?;
            header.image_size.max(file.data.len() as u64)
        }
        Format::Flat => file.data.len() as u64,
    };
    if size > file.limit {
        return Err(LoadError::TooLarge {
            size,
            limit: file.limit,
        });
    }
    let end = file.ipa.checked_add(size).ok_or(LoadError::NoMemory {
        ipa: file.ipa,
        size,
    })?;
    Ok(Phase::Copy {
        at: 0,
        loaded: Loaded {
            entry: file.ipa,
            start: file.ipa,
            end,
        },
    })
}

/// Judges what came out of a gzip file, `size` bytes at the file's address.
fn inflated(file: &File<'_>, memory: &mut dyn GuestMemory, size: u64) -> Result<Loaded, LoadError> {
    let head = usize::try_from(size.min(64)).unwrap_or(0);
    let head = memory.slice(file.ipa, head).unwrap_or_default();
    let size = match image::recognise(head) {
        Format::Image(header) => {
            header.check(file.ipa, file.limit)?;
            header.image_size.max(size)
        }
        Format::Elf | Format::Gzip | Format::EfiZboot => {
            return Err(LoadError::Gzip(
                "its content is neither an Image nor a flat binary; give ELF files uncompressed",
            ));
        }
        Format::Flat => size,
    };
    let end = file.ipa.checked_add(size).ok_or(LoadError::NoMemory {
        ipa: file.ipa,
        size,
    })?;
    Ok(Loaded {
        entry: file.ipa,
        start: file.ipa,
        end,
    })
}

fn write(memory: &mut dyn GuestMemory, ipa: u64, bytes: &[u8]) -> Result<(), LoadError> {
    let size = bytes.len() as u64;
    let missing = LoadError::NoMemory { ipa, size };
    memory
        .slice(ipa, bytes.len())
        .filter(|to| to.len() == bytes.len())
        .ok_or(missing)?
        .copy_from_slice(bytes);
    memory.written(ipa, size);
    Ok(())
}

fn zero(memory: &mut dyn GuestMemory, ipa: u64, size: u64) -> Result<(), LoadError> {
    let missing = LoadError::NoMemory { ipa, size };
    let len = usize::try_from(size).map_err(|_| missing)?;
    memory.slice(ipa, len).ok_or(missing)?.fill(0);
    memory.written(ipa, size);
    Ok(())
}
