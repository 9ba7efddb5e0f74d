//! What a build takes from a configuration: the texts that `--syncconfig` writes.
//!
//! Only what is on or has a value stands there. The order is the reference's, which is that of its table of names, so
//! that the files are the same byte for byte: 2^14 buckets by FNV-1a, in each the name met last first.

use std::fmt::Write as _;

use crate::config::Config;
use crate::symbol::Symbol;
use crate::value::{Kind, quote};

/// Bits of a name's hash that the reference looks at.
const BUCKETS: u32 = 1 << 14;

/// The three texts that hold values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `auto.conf`, for make.
    Make,
    /// `autoconf.h`, for the C preprocessor.
    Header,
    /// `rustc_cfg`, arguments for rustc.
    Rustc,
}

impl Config<'_> {
    /// Every symbol that a build sees, with its value, in the reference's order.
    pub fn synced(&self) -> Vec<(&Symbol, String)> {
        let mut list: Vec<(u32, &Symbol, String)> = self
            .model
            .symbols()
            .filter(|symbol| self.states[symbol.id.index()].written)
            .filter_map(|symbol| Some((bucket(&symbol.name), symbol, self.built(symbol)?)))
            .collect();
        list.reverse();
        list.sort_by_key(|(bucket, _, _)| *bucket);
        list.into_iter()
            .map(|(_, symbol, value)| (symbol, value))
            .collect()
    }

    /// The value as make sees it; none if the symbol is off.
    fn built(&self, symbol: &Symbol) -> Option<String> {
        let text = self.value_of(symbol).text;
        match symbol.kind {
            Kind::Bool | Kind::Tristate if text == "n" => None,
            _ => Some(text),
        }
    }

    /// One of the texts for a build.
    pub fn write_for_build(&self, output: Output) -> String {
        let title = &self.model.title;
        let head = "Automatically generated file; DO NOT EDIT.";
        let mut out = match output {
            Output::Make => format!("#\n# {head}\n# {title}\n#\n"),
            Output::Header => format!("/*\n * {head}\n * {title}\n */\n"),
            Output::Rustc => String::new(),
        };
        for (symbol, value) in self.synced() {
            let name = format!("{}{}", self.model.prefix, symbol.name);
            let logic = symbol.kind.is_logic();
            // Writing to a String cannot fail.
            let _ = match output {
                Output::Make => writeln!(out, "{name}={value}"),
                // Other languages need the prefix that Kconfig may leave out.
                Output::Header if is_bare_hex(symbol, &value) => {
                    writeln!(out, "#define {name} 0x{value}")
                }
                Output::Rustc if is_bare_hex(symbol, &value) => {
                    writeln!(out, "--cfg={name}=\"0x{value}\"")
                }
                Output::Header => match symbol.kind {
                    Kind::String => writeln!(out, "#define {name} {}", quote(&value)),
                    _ if logic && value == "m" => writeln!(out, "#define {name}_MODULE 1"),
                    _ if logic => writeln!(out, "#define {name} 1"),
                    _ => writeln!(out, "#define {name} {value}"),
                },
                Output::Rustc if logic => {
                    writeln!(out, "--cfg={name}\n--cfg={name}=\"{value}\"")
                }
                Output::Rustc => writeln!(out, "--cfg={name}={}", quote(&value)),
            };
        }
        out
    }
}

fn is_bare_hex(symbol: &Symbol, value: &str) -> bool {
    symbol.kind == Kind::Hex && !value.starts_with("0x") && !value.starts_with("0X")
}

fn bucket(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % BUCKETS
}
