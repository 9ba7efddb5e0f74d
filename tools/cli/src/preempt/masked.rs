//! The longest stretches with interrupts masked in `full`, of each core, seen from outside, across the test suite's systems.
//!
//! QEMU runs them with the plugin `tools/masked`, which follows each core's instructions; nothing of the image is changed, and
//! a core's figure is its own however many there are. Where a system does not depend on what QEMU's `-icount` changes,
//! instructions are counted too, and it repeats exactly.

use std::path::{Path, PathBuf};
use std::time::Duration;

use addr2line::gimli::{Dwarf, EndianSlice, RunTimeEndian, SectionId};
use object::{Object, ObjectSection, ObjectSymbol};
use serde::Serialize;

use crate::build::Build;
use crate::project::Project;
use crate::run::{self, Options};
use crate::selection::{DEFAULT_BOARD, Selection};
use crate::{Context, Failure, Result, build, cargo};

use super::atomic::BAR;
use super::measure;

/// Following each instruction takes its time; this only ends what hangs.
const LIMIT: Duration = Duration::from_secs(900);
/// What is run. Not those in which a core is kept masked on purpose (fragment `faults`). Uncounted: `arch`, which expects the usual CPU;
/// Linux, which takes long; and what the tests do not count either, where several cores share their work by the clock.
const RUNS: [Watched; 25] = [
    counted("hello", 2),
    of_gicv2(counted("hello", 2)),
    uncounted("arch", 2),
    counted("attack", 2),
    counted("restarts", 1),
    counted("restarts", 4),
    counted("pinned", 4),
    uncounted("pools", 4),
    uncounted("windows", 2),
    counted("abuse", 1),
    uncounted("abuse", 2),
    of_gicv2(counted("abuse", 1)),
    counted("stress-short", 2),
    counted("urgent", 1),
    counted("stretch", 1),
    counted("preempt-own", 1),
    counted("preempt-alloc", 1),
    counted("preempt-destroy", 1),
    counted("preempt-copy", 1),
    counted("preempt-multicall", 1),
    counted("preempt-console", 1),
    // More is typed than is kept for a VM, which does not read.
    typed_to(counted("deaf", 1), "computes", &[b'x'; 400]),
    // A line for the one, and with Ctrl-A 1 in between, for the other.
    typed_to(
        uncounted("chatter", 2),
        "0:0010:",
        b"something for the left one\r\x011and for the right one\r",
    ),
    uncounted("linux-check", 2),
    uncounted("linux-calls", 2),
];

/// A system that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    system: &'static str,
    cores: u8,
    /// Whether instructions are counted.
    counted: bool,
    gicv2: bool,
    /// What is typed, as soon as which text is seen.
    typed: Option<(&'static str, &'static [u8])>,
}

const fn uncounted(system: &'static str, cores: u8) -> Watched {
    Watched {
        system,
        cores,
        counted: false,
        gicv2: false,
        typed: None,
    }
}

const fn counted(system: &'static str, cores: u8) -> Watched {
    Watched {
        counted: true,
        ..uncounted(system, cores)
    }
}

const fn of_gicv2(watched: Watched) -> Watched {
    Watched {
        gicv2: true,
        ..watched
    }
}

const fn typed_to(watched: Watched, after: &'static str, bytes: &'static [u8]) -> Watched {
    Watched {
        typed: Some((after, bytes)),
        ..watched
    }
}

impl Watched {
    /// `hello`, `hello/gicv2`.
    fn title(&self) -> String {
        let gicv2 = if self.gicv2 { "/gicv2" } else { "" };
        format!("{}{gicv2}", self.system)
    }
}

/// A row of `preempt-masked.json`: the longest stretch in a system.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Stretch {
    system: String,
    cores: u8,
    /// Instructions of the core that was masked.
    max: u64,
    /// Where interrupts were masked, and where they were unmasked: file and line, or an exception's entry.
    from: String,
    to: String,
}

/// The runs, named `full/masked/<system>/<cores>`.
pub fn runs() -> impl Iterator<Item = (String, Watched)> {
    RUNS.into_iter().map(|watched| {
        let name = format!("full/masked/{}/{}", watched.title(), watched.cores);
        (name, watched)
    })
}

/// Runs a system and prints its longest stretches: all over the bar, or the longest.
pub fn run(project: &mut Project, watched: &Watched) -> Result<Vec<Stretch>> {
    let gicv2 = watched.gicv2.then(|| "gicv2".to_owned());
    let selection = Selection {
        board: Some(DEFAULT_BOARD.to_owned()),
        model: Some("full".to_owned()),
        fragments: gicv2.into_iter().chain(["burn".to_owned()]).collect(),
        cpus: Some(watched.cores),
        ..Selection::default()
    };
    let plugin = plugin(project)?;
    let build = build::build(project, &selection, watched.system)?;
    let image = std::fs::read(&build.elf).context("read", &build.elf)?;
    let seen = watch(project, &build, &image, &plugin, watched)?;
    let places = Places::of(&image)?;
    let mut stretches = Vec::new();
    for line in seen.lines() {
        let (first, last, max) = parse(line).ok_or_else(|| {
            Failure::new(format!("the plugin wrote {line:?}, which is no stretch"))
        })?;
        if max <= BAR && !stretches.is_empty() {
            break;
        }
        stretches.push(Stretch {
            system: watched.title(),
            cores: watched.cores,
            max,
            from: places.of_address(first),
            to: places.of_address(last),
        });
    }
    if stretches.is_empty() {
        return Err(Failure::new(
            "the plugin saw no stretch: it does not know the image",
        ));
    }
    for stretch in stretches.iter().take(10) {
        let Stretch {
            system,
            cores,
            max,
            from,
            to,
        } = stretch;
        println!("full, {system}, {cores} cores: masked for {max} from {from} to {to}");
    }
    Ok(stretches)
}

/// What is wrong with a stretch, if anything.
pub fn judge(stretch: &Stretch) -> Option<String> {
    let Stretch {
        system,
        cores,
        max,
        from,
        ..
    } = stretch;
    (*max > BAR).then(|| {
        format!("full, {system}, {cores} cores: masked for {max} from {from} (at most {BAR})")
    })
}

/// Builds the plugin.
fn plugin(project: &Project) -> Result<PathBuf> {
    let target = project.path("build/plugin");
    let mut command = cargo::host(project)?;
    command.args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "masked",
    ]);
    command.arg("--target-dir").arg(&target);
    let status = command.status().context("start", Path::new("cargo"))?;
    if !status.success() {
        return Err(Failure::new(format!(
            "the plugin does not build ({status})"
        )));
    }
    Ok(target.join("release/libmasked.so"))
}

/// Runs a build with the plugin; what that wrote.
fn watch(
    project: &Project,
    build: &Build,
    image: &[u8],
    plugin: &Path,
    watched: &Watched,
) -> Result<String> {
    let options = Options {
        icount: watched.counted,
        ..Options::default()
    };
    let out = build.folder.join("masked.txt");
    // A report of an earlier run is not this one's.
    let _ = std::fs::remove_file(&out);
    let mut command = run::qemu(project, build, &options)?;
    if !watched.counted {
        command.args(["-accel", "tcg,thread=single"]);
    }
    let argument = arguments(image, plugin, &out)?;
    command.arg("-plugin").arg(argument);
    let log = build.folder.join("masked.log");
    measure::run_to_end(&mut command, build, &log, LIMIT, |emulator| {
        let Some((after, bytes)) = watched.typed else {
            return Ok(());
        };
        // If it never comes, the run ends in words of its own.
        let _ = emulator.wait(LIMIT, |transcript| transcript.text().contains(after));
        emulator.send(bytes)
    })?;
    std::fs::read_to_string(&out).map_err(|why| {
        Failure::new(format!(
            "the plugin wrote nothing ({}: {why}); is this QEMU built with plugins?",
            out.display()
        ))
    })
}

/// What QEMU is told of the plugin.
fn arguments(image: &[u8], plugin: &Path, out: &Path) -> Result<String> {
    let file = parse_elf(image)?;
    let symbol = |name| address_of(&file, name);
    Ok(format!(
        "{},vectors={:x},from={:x},to={:x},index={:x},out={}",
        plugin.display(),
        symbol("caesura_vectors")?,
        symbol("__text_start")?,
        symbol("__text_end")?,
        symbol("caesura_anchor_index")?,
        out.display()
    ))
}

fn address_of(file: &object::File<'_>, name: &str) -> Result<u64> {
    let found = file.symbols().find(|symbol| symbol.name() == Ok(name));
    found
        .map(|symbol| symbol.address())
        .ok_or_else(|| Failure::new(format!("the image has no symbol `{name}`")))
}

fn parse_elf(image: &[u8]) -> Result<object::File<'_>> {
    object::File::parse(image).map_err(|e| Failure::new(format!("not a readable ELF: {e}")))
}

/// Reads `first last max count`.
fn parse(line: &str) -> Option<(u64, u64, u64)> {
    let mut words = line.split(' ');
    let mut address = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (first, last) = (address()?, address()?);
    Some((first, last, words.next()?.parse().ok()?))
}

/// Where in the source an address is.
struct Places<'a> {
    lines: addr2line::Context<EndianSlice<'a, RunTimeEndian>>,
    /// The base of the vector table, whose code has no lines.
    vectors: u64,
}

impl<'a> Places<'a> {
    fn of(image: &'a [u8]) -> Result<Self> {
        let file = parse_elf(image)?;
        let section = |id: SectionId| {
            let data = file.section_by_name(id.name());
            let data = data.and_then(|section| section.data().ok());
            Ok(EndianSlice::new(
                data.unwrap_or_default(),
                RunTimeEndian::Little,
            ))
        };
        let lines = Dwarf::load(section)
            .and_then(addr2line::Context::from_dwarf)
            .map_err(|e: addr2line::gimli::Error| {
                Failure::new(format!("the image's line table cannot be read: {e}"))
            })?;
        let vectors = address_of(&file, "caesura_vectors")?;
        Ok(Self { lines, vectors })
    }

    /// The innermost place that is not a guard's or the architecture's own; for an exception its entry.
    fn of_address(&self, address: u64) -> String {
        const TOO_DEEP: [&str; 6] = [
            "kernel/sync/",
            "kernel/preempt/",
            "kernel/arch/",
            "kernel/trace/",
            "kernel/image/src/hw.rs",
            "kernel/image/src/sections.rs",
        ];
        let frames = self.lines.find_frames(address).skip_all_loads();
        let Ok(mut frames) = frames else {
            return format!("{address:#x}");
        };
        let mut found = None;
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else {
                continue;
            };
            let (Some(file), Some(line)) = (location.file, location.line) else {
                continue;
            };
            let ours = file.find("kernel/").map(|at| &file[at..]);
            let Some(file) = ours.filter(|file| file.contains("/src/")) else {
                continue;
            };
            let place = format!("{file}:{line}");
            if TOO_DEEP.iter().all(|folder| !file.starts_with(folder)) {
                return place;
            }
            found.get_or_insert(place);
        }
        found.unwrap_or_else(|| match address.wrapping_sub(self.vectors) {
            entry @ 0..0x800 => format!("exception vector {entry:#x}"),
            _ => format!("{address:#x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_plugin_is_a_stretch() {
        assert_eq!(
            parse("0x40083908 0x40083f0c 1343 1285"),
            Some((0x4008_3908, 0x4008_3f0c, 1343))
        );
        assert_eq!(parse("40083908 0x40083f0c 1343 1285"), None);
        assert_eq!(parse("0x40083908"), None);
    }

    #[test]
    fn more_than_the_bar_is_wrong() {
        let stretch = |max| Stretch {
            system: "hello".to_owned(),
            cores: 2,
            max,
            from: "kernel/image/src/run.rs:12".to_owned(),
            to: String::new(),
        };
        assert_eq!(judge(&stretch(BAR)), None);
        assert!(judge(&stretch(BAR + 1)).unwrap().contains("run.rs:12"));
    }

    #[test]
    fn something_that_is_no_image_is_refused_in_words() {
        let refused = arguments(b"text", Path::new("p"), Path::new("o")).unwrap_err();
        assert!(refused.to_string().contains("not a readable ELF"));
    }
}
