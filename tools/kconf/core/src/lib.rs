//! The Kconfig language: parser, evaluator, `.config` reader and writer.
//!
//! ```no_run
//! use kconf::{Config, Env, Layer, Model};
//! use std::path::Path;
//!
//! # fn main() -> Result<(), kconf::Diagnostics> {
//! let model = Model::load(Path::new("configs/Kconfig"), &Env::process())?;
//! let mut config = Config::new(&model);
//! config.read(Path::new("defconfigs/qemu-virt_legacy_defconfig"), Layer::Defconfig)?;
//! config.merge(Path::new("configs/fragments/gicv2.config"))?;
//! config.strict()?; // unknown, malformed, or did not take: an error that names the failed dependency
//! let cores = config.value("NR_CPUS").and_then(|v| v.as_u64());
//! print!("{}", config.write());
//! # let _ = cores; Ok(())
//! # }
//! ```
//!
//! It guarantees: values and output as Linux 6.12's `conf` computes them for the part of the language in
//! `docs/kconfig.md`, no panic on any input, and a place for every value and every error. Reading a tree runs the
//! commands of its `$(shell)`.

mod ast;
mod attributes;
mod blocks;
mod check;
mod config;
mod diag;
mod dialect;
mod dotconfig;
mod entry;
mod env;
mod eval;
mod explain;
mod expr;
mod graph;
mod include;
mod incremental;
mod lexer;
mod lower;
mod macros;
mod model;
mod number;
mod origin;
mod parse_expr;
mod parser;
mod render;
mod save;
mod shell;
mod source;
mod symbol;
mod sync;
mod truth;
mod value;
mod write;

pub use config::Config;
pub use diag::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use dialect::Dialect;
pub use entry::{Entry, EntryKind};
pub use env::Env;
pub use explain::{Blocker, Explanation, explain, why};
pub use expr::{Expr, ExprKind, Operand, Relation, SymbolId};
pub use graph::Step;
pub use model::Model;
pub use number::number_at_start;
pub use origin::{Layer, Origin};
pub use save::{Link, Saved, save};
pub use shell::ShellUse;
pub use source::{Location, SourceFile, Span};
pub use symbol::{Choice, ChoiceId, DefaultValue, Prompt, Range, Reverse, Symbol};
pub use sync::Output;
pub use truth::compare;
pub use value::{Kind, Tri, Value, quote};
