//! From the files to the model: reading, checking, placing.
//!
//! Guarantees: either a consistent model, or every mistake that could be found. A check runs although an
//! earlier one failed, unless it would only repeat what that one said.

mod admission;
mod board;
mod cores;
mod cyclic;
mod devices;
mod files;
mod guests;
mod layout;
mod null;
pub(crate) mod params;
mod place;
mod rights;
mod sched;
mod system;
mod threads;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use tables::Region;

use crate::diag::{Diagnostic, Errors, Source};
use crate::model::{Inputs, Model, System};
use crate::plan::PAGE;
use crate::reader::At;
use crate::schema;
use crate::schema::system::SystemSpec;
use crate::symbols::Symbols;
use crate::{size, suggest};

/// Reads and checks everything.
///
/// # Errors
/// Every mistake that was found, in the board's file first.
pub fn evaluate(inputs: &Inputs<'_>) -> Result<Model, Errors> {
    let mut errors = Errors::default();
    let limits = match Limits::read(inputs.symbols) {
        Ok(limits) => Some(limits),
        Err(wrong) => {
            wrong
                .into_iter()
                .for_each(|message| errors.join(Errors::plain(message)));
            None
        }
    };
    let linker_template = match Source::read(inputs.linker_template, "the linker script's template")
    {
        Ok(source) => source.text,
        Err(wrong) => {
            errors.join(wrong);
            String::new()
        }
    };

    let board = match read_board(inputs) {
        Ok(board) => Some(board),
        Err(wrong) => {
            errors.join(wrong);
            None
        }
    };
    let system_source = Source::read(inputs.system, "the system").map_err(|wrong| {
        let mut errors = errors.clone();
        errors.join(wrong);
        errors
    })?;
    let spec = match schema::system::read(&system_source) {
        Ok(spec) => spec,
        Err(diagnostics) => {
            errors.join(Errors::of(&system_source, diagnostics));
            return Err(errors);
        }
    };
    let (Some(mut board), Some(limits)) = (board, limits) else {
        return Err(errors);
    };

    let mut found = Vec::new();
    sched::preemptible(&spec, &mut board, inputs.symbols, &mut found);
    let mut vms = system::check(&spec, &board, inputs.symbols, &mut found);
    let sharing = sched::check(&spec, &mut vms, &board, inputs.symbols, &mut found);
    layout::check(&spec, &mut vms, &board, inputs, &mut found);
    rights::check(&spec, &mut vms, &board, inputs.symbols, &mut found);
    let plan = place::check(&spec, &mut vms, &board, &limits, &mut found);
    errors.join(Errors::of(&system_source, found));
    if let Some(wrong) = limits.stacks(board.cpus.len(), &sharing) {
        errors.join(Errors::plain(wrong));
    }
    match plan {
        Ok(plan) if errors.is_empty() => Ok(Model {
            board,
            system: System {
                name: stem(inputs.system),
                description: spec.description,
                timeout: spec.timeout,
                vms: vms.into_iter().filter_map(|vm| vm.finished).collect(),
                pools: sharing.pools,
                threads: sharing.threads,
            },
            plan,
            symbols: inputs.symbols.all(),
            linker_template,
        }),
        Ok(_) => Err(errors),
        Err(wrong) => {
            wrong
                .into_iter()
                .for_each(|message| errors.join(Errors::plain(message)));
            Err(errors)
        }
    }
}

fn read_board(inputs: &Inputs<'_>) -> Result<crate::model::Board, Errors> {
    let source = Source::read(inputs.board, "the board")?;
    schema::board::read(&source)
        .and_then(|spec| board::check(spec, inputs))
        .map_err(|diagnostics| Errors::of(&source, diagnostics))
}

/// A file's name without its extension.
fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The sizes that the configuration gives.
pub(crate) struct Limits {
    pub kernel_size_max: u64,
    pub pool_size: u64,
    stack_size: u64,
    thread_stack_size: u64,
    /// Whether the pack will hold the kernel's symbols.
    pub symbols: bool,
}

impl Limits {
    fn read(symbols: &dyn Symbols) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut size = |name: &str| match symbols.int(name) {
            Some(size) if size > 0 && size.is_multiple_of(PAGE) => size,
            Some(size) => {
                wrong.push(format!(
                    "CONFIG_{name}={size:#x} must be a multiple of the page size, 0x1000, and not 0"
                ));
                PAGE
            }
            None => {
                wrong.push(format!("the configuration has no value for CONFIG_{name}"));
                PAGE
            }
        };
        let (kernel_size_max, pool_size) = (size("KERNEL_SIZE_MAX"), size("POOL_SIZE"));
        let (stack_size, thread_stack_size) = (size("STACK_SIZE"), size("THREAD_STACK_SIZE"));
        if wrong.is_empty() {
            let symbols = symbols.bool("BACKTRACE_SYMBOLS");
            Ok(Self {
                kernel_size_max,
                pool_size,
                stack_size,
                thread_stack_size,
                symbols,
            })
        } else {
            Err(wrong)
        }
    }
}

impl Limits {
    /// What is wrong if the stacks with their guard pages leave the kernel no room at all: said here, because the
    /// linker would only say that it is too large.
    fn stacks(&self, cores: usize, sharing: &sched::Sharing) -> Option<String> {
        let bytes = |count: usize, size: u64| (count as u64).saturating_mul(size + PAGE);
        let threads = bytes(sharing.stacks, self.thread_stack_size);
        let all = threads.saturating_add(bytes(cores, self.stack_size));
        (all >= self.kernel_size_max).then(|| {
            format!(
                "{cores} stacks of cores (CONFIG_STACK_SIZE={:#x}) and {} of vCPUs and threads \
                 (CONFIG_THREAD_STACK_SIZE={:#x}) take {} of the {} that CONFIG_KERNEL_SIZE_MAX has for the whole \
                 hypervisor: make it {:#x} or more",
                self.stack_size,
                sharing.stacks,
                self.thread_stack_size,
                size::human(all),
                size::human(self.kernel_size_max),
                (self.kernel_size_max + all).next_multiple_of(1 << 20)
            )
        })
    }
}

/// Reports the use of a feature that is switched off.
fn needs(
    symbols: &dyn Symbols,
    symbol: &str,
    span: &Range<usize>,
    what: &str,
    found: &mut Vec<Diagnostic>,
) {
    if !symbols.bool(symbol) {
        found.push(
            Diagnostic::new(
                span.clone(),
                format!("{what} needs CONFIG_{symbol}, which is switched off"),
            )
            .label(format!("needs CONFIG_{symbol}=y"))
            .help(format!(
                "write `CONFIG_{symbol}=y` into a fragment in configs/fragments/ or into .config"
            )),
        );
    }
}

/// Starts the report of a name that no VM has.
fn suggest_name(name: &At<String>, spec: &SystemSpec) -> Diagnostic {
    let names = spec.vms.iter().map(|vm| vm.name.value.as_str());
    let error = Diagnostic::new(
        name.span.clone(),
        format!("there is no VM `{}`", name.value),
    );
    match suggest::closest(&name.value, names) {
        Some(close) => error.label(format!("did you mean `{close}`?")),
        None => error.label("unknown"),
    }
}

/// Reports an address or size that is not a whole number of pages.
fn page_aligned(value: &At<u64>, what: &str, found: &mut Vec<Diagnostic>) -> bool {
    aligned(value, what, |address| format!("{address:#x}"), found)
}

/// The same for a size.
fn page_sized(value: &At<u64>, what: &str, found: &mut Vec<Diagnostic>) -> bool {
    aligned(value, what, size::human, found)
}

fn aligned(
    value: &At<u64>,
    what: &str,
    show: impl Fn(u64) -> String,
    found: &mut Vec<Diagnostic>,
) -> bool {
    if value.value.is_multiple_of(PAGE) {
        return true;
    }
    let down = value.value - value.value % PAGE;
    let near = match down.checked_add(PAGE) {
        Some(up) if down == 0 => show(up),
        Some(up) => format!("{} or {}", show(down), show(up)),
        None => show(down),
    };
    found.push(
        Diagnostic::new(
            value.span.clone(),
            format!(
                "{what} {} is not a whole number of pages",
                show(value.value)
            ),
        )
        .label("must be a multiple of 0x1000 (4 KiB)")
        .help(format!("the nearest would be {near}")),
    );
    false
}

/// A range with a name and a place in the file, for overlap checks.
struct Named {
    name: String,
    region: Region,
    span: Range<usize>,
}

/// Reports every pair that overlaps, at the later one.
fn disjoint(ranges: &[Named], found: &mut Vec<Diagnostic>) -> bool {
    let before = found.len();
    for (index, later) in ranges.iter().enumerate() {
        for earlier in &ranges[..index] {
            if later.region.overlaps(&earlier.region) {
                found.push(overlap(later, earlier));
            }
        }
    }
    found.len() == before
}

fn overlap(one: &Named, other: &Named) -> Diagnostic {
    Diagnostic::new(
        one.span.clone(),
        format!("{} overlaps {}", one.name, other.name),
    )
    .label(format!("takes {}", show(&one.region)))
    .related(other.span.clone(), format!("takes {}", show(&other.region)))
}

/// `0x40000000..0x50000000`.
pub(crate) fn show(region: &Region) -> String {
    format!("{:#x}..{:#x}", region.base, region.end())
}

/// Reports every value that occurs again, at its later place.
fn unique<T: std::hash::Hash + Eq + Clone>(
    values: &[At<T>],
    title: impl Fn(&T) -> String,
    found: &mut Vec<Diagnostic>,
) {
    let mut first: HashMap<T, Range<usize>> = HashMap::new();
    for value in values {
        match first.get(&value.value) {
            Some(place) => found.push(
                Diagnostic::new(value.span.clone(), title(&value.value))
                    .label("here again")
                    .related(place.clone(), "first here"),
            ),
            None => {
                first.insert(value.value.clone(), value.span.clone());
            }
        }
    }
}
