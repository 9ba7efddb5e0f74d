//! What the boot loader's device tree says: files it has loaded for VMs, and how much RAM there is.
//!
//! The tree is read once, at boot, before any VM's memory is written to; afterwards it may be overwritten.

use arch::ram::Ram;
use loader::chosen::{memory, modules};
use loader::dtb::Dtb;
use tables::{Region, Source};

use crate::config::{BOARD, PLAN, SYSTEM};
use crate::hw;
use crate::platform::Once;

/// Files asked for by all VMs: at most a kernel and an initial RAM disk each.
const MOST: usize = SYSTEM.vms.len() * 2;

/// The files that were found, by the names that the VMs' tables use.
static FILES: [Once<(&'static str, Ram)>; MOST] = [const { Once::new() }; MOST];

/// The file of that name.
pub fn find(name: &str) -> Option<&'static [u8]> {
    let (_, ram) = FILES
        .iter()
        .filter_map(Once::get)
        .find(|(found, _)| *found == name)?;
    ram.slice(ram.base(), usize::try_from(ram.size()).ok()?)
}

/// Reads the device tree at physical address `at`. What it lacks is missed when a VM asks for it.
///
/// # Errors
///
/// A file lies where it would be overwritten or is not in RAM.
pub fn init(at: u64) -> Result<(), &'static str> {
    let Some(blob) = blob(at) else {
        log::info!("the boot loader passed no device tree");
        return Ok(());
    };
    let tree = match Dtb::parse(blob) {
        Ok(tree) => tree,
        Err(error) => {
            log::warn!("the boot loader's device tree at {at:#x} is not used: {error}");
            return Ok(());
        }
    };
    for region in BOARD.memory {
        let there = memory(&tree).any(|range| {
            range.base <= region.base && range.base.saturating_add(range.size) >= region.end()
        });
        if !there {
            log::warn!(
                "board.toml says that there is RAM from {:#x} to {:#x}; the boot loader's device tree does not",
                region.base,
                region.end()
            );
        }
    }
    for (name, file) in wanted().zip(&FILES) {
        let Some(module) = modules(&tree).find(|module| module.bootargs == name) else {
            continue;
        };
        let region = Region {
            base: module.range.base,
            size: module.range.size,
        };
        check(&region)?;
        file.get_or_init(|| (name, hw::ram(region)));
        log::debug!(
            "module `{name}`: {} bytes at {:#x}",
            region.size,
            region.base
        );
    }
    Ok(())
}

/// The names that VMs' tables ask for.
fn wanted() -> impl Iterator<Item = &'static str> {
    SYSTEM
        .vms
        .iter()
        .flat_map(|vm| [Some(vm.image.kernel), vm.image.initrd])
        .flatten()
        .filter_map(|module| match module.source {
            Source::Chosen(name) => Some(name),
            Source::Pack(_) => None,
        })
}

/// The bytes of the tree at `at`, if that is an address in RAM at which a tree begins.
fn blob(at: u64) -> Option<&'static [u8]> {
    let region = BOARD
        .memory
        .iter()
        .find(|region| region.base <= at && at < region.end())?;
    let rest = region.end().saturating_sub(at).min(2 << 20);
    static TREE: Once<Ram> = Once::new();
    let ram = TREE.get_or_init(|| {
        hw::ram(Region {
            base: at,
            size: rest,
        })
    });
    let size = Dtb::size(ram.slice(at, 8)?).ok()?;
    ram.slice(at, size as usize)
}

/// Whether a file may lie there.
fn check(region: &Region) -> Result<(), &'static str> {
    let inside = BOARD
        .memory
        .iter()
        .any(|memory| memory.base <= region.base && region.end() <= memory.end());
    if !inside {
        return Err("a module that the boot loader loaded is not in the board's RAM");
    }
    let ours = [PLAN.kernel, PLAN.pack, PLAN.pool];
    let guests = SYSTEM
        .vms
        .iter()
        .flat_map(|vm| vm.memory)
        .map(|memory| memory.pa);
    if ours
        .into_iter()
        .chain(guests)
        .any(|used| used.overlaps(region))
    {
        return Err(
            "a module that the boot loader loaded lies in memory that the hypervisor or a VM uses: \
                    load it elsewhere (`make` prints the memory map)",
        );
    }
    Ok(())
}
