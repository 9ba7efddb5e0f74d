//! Everything that is generated from a model into `build/<config>/<system>/`.
//!
//! Guarantees: the same model gives the same bytes; a file is replaced in one step, so nobody reads half
//! of it; a file whose content did not change is not touched, so nothing that depends on it is rebuilt.

mod constants;
mod linker;
mod tables;
mod write;

pub(crate) mod dtb;

pub use write::{Output, Written, write_if_changed};

use std::io;
use std::path::Path;

use crate::model::Model;
use crate::pack::{PackBuilder, PackError};
use crate::symbols::{Symbols, Value};

/// The Cargo features of a configuration: the lower-case names of the bools that are `y`, ascending.
#[must_use]
pub fn features(symbols: &dyn Symbols) -> Vec<String> {
    enabled(&symbols.all())
}

fn enabled(symbols: &[(String, Value)]) -> Vec<String> {
    let mut names: Vec<String> = symbols
        .iter()
        .filter(|(_, value)| *value == Value::Bool(true))
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.sort();
    names
}

impl Model {
    /// The generated files: `tables.rs`, `features`, `link.ld` and one `vmN.dtb` per VM.
    ///
    /// # Errors
    /// The linker script's template is wrong; the text says where.
    pub fn outputs(&self) -> Result<Vec<Output>, String> {
        let mut features = enabled(&self.symbols).join("\n");
        features.push('\n');
        let mut outputs = vec![
            Output::text("tables.rs", tables::render(self)?),
            Output::text("features", features),
            Output::text("link.ld", linker::render(self)?),
        ];
        for vm in &self.system.vms {
            outputs.push(Output {
                name: vm.image.dtb_name.clone(),
                bytes: vm.dtb.clone(),
            });
        }
        Ok(outputs)
    }

    /// Writes [`Model::outputs`] into a folder, which is made if need be. Returns what was new.
    ///
    /// # Errors
    /// Rendering failed, or a file could not be written; the text names it.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<Written>> {
        let outputs = self.outputs().map_err(io::Error::other)?;
        outputs.iter().map(|output| output.write(folder)).collect()
    }

    /// The pack with every image of the system and the device trees. The caller adds the kernel's symbols
    /// ([`abi::pack::SYMBOLS`]) after linking.
    ///
    /// # Errors
    /// An image can no longer be read, or cannot be packed.
    pub fn pack(&self) -> io::Result<PackBuilder> {
        let mut pack = PackBuilder::new();
        let add = |pack: &mut PackBuilder, name: &str, bytes: Vec<u8>| {
            pack.add(name, bytes)
                .map_err(|e: PackError| io::Error::other(e.to_string()))
        };
        for vm in &self.system.vms {
            let files = [Some(&vm.image.kernel), vm.image.initrd.as_ref()];
            for payload in files
                .into_iter()
                .flatten()
                .filter(|payload| !payload.module)
            {
                if !pack.contains(&payload.name) {
                    let bytes = std::fs::read(&payload.file.path).map_err(|error| {
                        io::Error::new(
                            error.kind(),
                            format!("cannot read `{}`: {error}", payload.file.path.display()),
                        )
                    })?;
                    add(&mut pack, &payload.name, bytes)?;
                }
            }
            add(&mut pack, &vm.image.dtb_name, vm.dtb.clone())?;
        }
        Ok(pack)
    }
}
