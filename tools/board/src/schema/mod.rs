//! What the TOML files may contain: their keys, types and defaults, with every value's place kept.
//!
//! Nothing here knows the configuration or looks at image files: see the module `check` for that.

pub(crate) mod board;
pub(crate) mod device;
pub(crate) mod image;
pub(crate) mod sched;
pub(crate) mod system;

use std::path::Path;

use crate::diag::{Errors, Source};

/// The names after `@built/` that a system's images use, ascending, each once: what has to be built before
/// the system can be evaluated.
///
/// # Errors
/// The file cannot be read or is wrong; all mistakes that can be seen without the rest are reported.
pub fn built_images(system: &Path) -> Result<Vec<String>, Errors> {
    let source = Source::read(system, "the system")?;
    let spec = system::read(&source).map_err(|diagnostics| Errors::of(&source, diagnostics))?;
    let mut names: Vec<String> = spec
        .vms
        .iter()
        .flat_map(|vm| [Some(&vm.image.kernel), vm.image.initrd.as_ref()])
        .flatten()
        .filter_map(|file| file.value.strip_prefix("@built/").map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{board, device, image, sched, system};

    /// Every key of every table is explained in the page for people.
    fn explained(page: &str, tables: &[&[&str]]) {
        let path = format!("{}/../../docs/{page}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for key in tables.iter().flat_map(|keys| keys.iter()) {
            assert!(
                text.contains(&format!("`{key}`")),
                "docs/{page}.md does not explain `{key}`"
            );
        }
    }

    #[test]
    fn every_key_of_a_system_is_documented() {
        use device::DEVICE;
        use image::IMAGE;
        use sched::{POOL, THREAD, WINDOW};
        use system::{HEAP, MEMORY, ON_CRASH, TOP, VCPU, VM};
        explained(
            "systems",
            &[
                TOP, VM, VCPU, MEMORY, IMAGE, DEVICE, ON_CRASH, HEAP, POOL, WINDOW, THREAD,
            ],
        );
    }

    #[test]
    fn every_key_of_a_board_is_documented() {
        use board::{BOOT, CPU, GIC_V2, GIC_V3, MENU, PSCI, QEMU, TIMERS, TOP, UART};
        explained(
            "boards",
            &[
                TOP, CPU, BOOT, UART, GIC_V2, GIC_V3, TIMERS, PSCI, QEMU, MENU,
            ],
        );
    }
}
