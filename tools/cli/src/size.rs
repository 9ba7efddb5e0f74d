//! How large each built image is.
//!
//! Counted as `size` does: *text* is what is never written (code and constants), *data* what is loaded and
//! written, *bss* what is zeroed at boot; *stacks* is the part of bss that is EL2 stacks and their guard pages. Guests and symbols in the pack are not the
//! hypervisor's size; `caesura.img` has them too.

use std::path::{Path, PathBuf};

use object::elf::{SHF_ALLOC, SHF_WRITE, SHT_NOBITS};
use object::{Object, ObjectSection, SectionFlags};

use crate::project::Project;
use crate::{Context, Failure, Result};

/// Bytes of an ELF by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Code and constants.
    pub text: u64,
    /// Initialised variables.
    pub data: u64,
    /// Variables that start as zero, and stacks.
    pub bss: u64,
    /// The part of `bss` that is EL2 stacks, of cores and of threads, with their guard pages.
    pub stacks: u64,
}

/// The linker script's sections of stacks.
const STACKS: [&str; 2] = [".stacks", ".threads"];

/// Measures an ELF.
///
/// # Errors
/// It is damaged.
pub fn measure(elf: &[u8]) -> Result<Size> {
    let file =
        object::File::parse(elf).map_err(|e| Failure::new(format!("not a readable ELF: {e}")))?;
    let mut size = Size::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else {
            continue;
        };
        if (sh_flags & SHF_ALLOC).0 == 0 {
            continue;
        }
        let nobits = sh_type == SHT_NOBITS;
        let kind = match (nobits, (sh_flags & SHF_WRITE).0 != 0) {
            (true, _) => &mut size.bss,
            (false, true) => &mut size.data,
            (false, false) => &mut size.text,
        };
        *kind += section.size();
        if section.name().is_ok_and(|name| STACKS.contains(&name)) {
            size.stacks += section.size();
        }
    }
    Ok(size)
}

/// Every `caesura.elf` two levels below `build`, as (configuration/system, path), by name.
///
/// # Errors
/// A folder cannot be read.
pub fn built(build: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    if !build.is_dir() {
        return Ok(found);
    }
    for configuration in folders(build)? {
        for system in folders(&configuration)? {
            let elf = system.join("caesura.elf");
            if elf.is_file() {
                let name = system.strip_prefix(build).unwrap_or(&system);
                found.push((name.display().to_string(), elf));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn folders(of: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(of).context("read", of)?;
    Ok(entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect())
}

/// Prints the table.
///
/// # Errors
/// A file cannot be read.
pub fn size_command(project: &Project) -> Result<()> {
    let built = built(&project.path("build"))?;
    if built.is_empty() {
        println!("nothing is built yet; `make` builds");
        return Ok(());
    }
    println!(
        "{:>9} {:>9} {:>9} {:>9} {:>11}  configuration/system",
        "text", "data", "bss", "(stacks)", "caesura.img"
    );
    for (name, elf) in built {
        let size = measure(&std::fs::read(&elf).context("read", &elf)?)?;
        let image = elf.with_extension("img");
        let image = std::fs::metadata(&image).context("read", &image)?.len();
        println!(
            "{:>9} {:>9} {:>9} {:>9} {image:>11}  {name}",
            size.text, size.data, size.bss, size.stacks
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::Object as Out;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind};

    #[test]
    fn constants_count_as_text_and_debug_information_not_at_all() {
        let mut out = Out::new(BinaryFormat::Elf, Architecture::Aarch64, Endianness::Little);
        for (name, kind, bytes) in [
            (".text", SectionKind::Text, 40),
            (".rodata", SectionKind::ReadOnlyData, 24),
            (".data", SectionKind::Data, 16),
            (".debug_line", SectionKind::Debug, 1000),
        ] {
            let section = out.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
            out.append_section_data(section, &vec![0; bytes], 8);
        }
        let bss = out.add_section(Vec::new(), b".bss".to_vec(), SectionKind::UninitializedData);
        out.append_section_bss(bss, 4096, 8);
        let kind = SectionKind::UninitializedData;
        let stacks = out.add_section(Vec::new(), b".stacks".to_vec(), kind);
        out.append_section_bss(stacks, 8192, 8);
        let size = measure(&out.write().unwrap()).unwrap();
        assert_eq!(
            size,
            Size {
                text: 64,
                data: 16,
                bss: 4096 + 8192,
                stacks: 8192
            }
        );
    }
}
