//! The kernel's function names for its own backtraces, as the pack holds them.
//!
//! One line per function, `address name`, the address in hexadecimal without prefix, ascending; names
//! demangled, without Rust's hashes. Of several names for one address the first by alphabet is taken, so that
//! the text depends on nothing but the ELF's content.

use std::collections::BTreeMap;
use std::fmt::Write;

use object::{Object, ObjectSymbol, SymbolKind};

use crate::{Failure, Result};

/// The text for the pack's entry [`abi::pack::SYMBOLS`].
///
/// # Errors
/// The ELF is damaged.
pub fn symbol_table(elf: &[u8]) -> Result<String> {
    let file =
        object::File::parse(elf).map_err(|e| Failure::new(format!("not a readable ELF: {e}")))?;
    let mut functions: BTreeMap<u64, String> = BTreeMap::new();
    for symbol in file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
    {
        let Ok(name) = symbol.name() else { continue };
        // `$x`, `$d`: the assembler's marks for code and data (AAELF64, mapping symbols).
        if name.is_empty() || name.starts_with('$') {
            continue;
        }
        let name = format!("{:#}", rustc_demangle::demangle(name));
        functions
            .entry(symbol.address())
            .and_modify(|known| {
                if name < *known {
                    known.clone_from(&name);
                }
            })
            .or_insert(name);
    }
    let mut text = String::new();
    for (address, name) in functions {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{address:x} {name}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object as Out, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolScope};

    #[test]
    fn functions_are_listed_by_address_demangled_and_once() {
        let mut out = Out::new(BinaryFormat::Elf, Architecture::Aarch64, Endianness::Little);
        let section = out.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
        out.append_section_data(section, &[0; 64], 4);
        for (name, value, kind) in [
            ("_ZN5image4main17h0123456789abcdefE", 16, SymbolKind::Text),
            ("vectors", 0, SymbolKind::Text),
            ("alias_of_vectors", 0, SymbolKind::Text),
            ("$x", 16, SymbolKind::Text),
            ("TABLE", 32, SymbolKind::Data),
        ] {
            out.add_symbol(Symbol {
                name: name.as_bytes().to_vec(),
                value,
                size: 4,
                kind,
                scope: SymbolScope::Linkage,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            });
        }
        let elf = out.write().unwrap();
        assert_eq!(
            symbol_table(&elf).unwrap(),
            "0 alias_of_vectors\n10 image::main\n"
        );
    }
}
