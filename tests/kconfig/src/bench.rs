//! `make bench-kconfig`: whole processes of ours, C `conf` and kconfiglib on the same trees, in one run.
//!
//! Every row is measured with a real shell and with remembered answers to the tree's `$(shell)` commands, so the difference
//! is what the shell costs and the rest is the tool's own. Tools take turns within a round, so that what disturbs the machine disturbs
//! all of them. Given are medians. Memory is the peak of a run with remembered answers: with a real shell, compilers
//! would be measured. Instructions, where valgrind is installed, are counted in such a run too, once. What is met or not is
//! said; nothing here fails for being slow.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cli::project::Project;
use cli::{Context, Failure, Result};
use serde::Serialize;

use crate::lab::Shared;
use crate::peer::{self, Request};
use crate::process::{self, Ended};
use crate::toggle::{self, Toggles};
use crate::trees::{Kind, Tree};

/// Measured runs of each; one more before them is not counted.
const ROUNDS: usize = 5;
/// How much faster than kconfiglib is asked for.
const OVER_KCONFIGLIB: f64 = 5.0;

/// The programs, in the order of the table.
const TOOLS: [&str; 3] = ["ours", "conf", "kconfiglib"];

/// What `build/bench/kconfig.json` holds.
#[derive(Serialize)]
struct Figures {
    rounds: usize,
    references: Vec<String>,
    rows: Vec<Row>,
    menu: Option<Toggles>,
}

/// One tool at one task.
#[derive(Serialize)]
struct Row {
    task: String,
    tool: &'static str,
    /// Medians, in milliseconds.
    wall_real_shell_ms: f64,
    wall_ms: f64,
    user_ms: f64,
    system_ms: f64,
    peak_kib: u64,
    instructions: Option<u64>,
}

/// A tool's command for a task.
type Start<'a> = Box<dyn Fn() -> Command + 'a>;

/// Measures, prints, and writes `build/bench/kconfig.json` and `.txt`.
///
/// # Errors
/// A program cannot be run or refuses.
pub fn run(filter: Option<&str>) -> Result<()> {
    let project = Project::find()?;
    let shared = Shared::prepare(&project, false)?;
    let kconfig = shared.kconfig.clone();
    let arm64 = Tree::linux(&kconfig, "arm64", "arm64")?;
    let (u_boot, busybox) = (Tree::u_boot(&kconfig)?, Tree::busybox(&kconfig)?);
    let file = |name: &str| Request::Defconfig(name.to_owned());
    let tasks = [
        ("linux/arm64 olddefconfig", &arm64, Request::OldDef),
        (
            "linux/arm64 defconfig",
            &arm64,
            file("arch/arm64/configs/defconfig"),
        ),
        (
            "u-boot qemu_arm64_defconfig",
            &u_boot,
            file("configs/qemu_arm64_defconfig"),
        ),
        ("busybox alldefconfig", &busybox, Request::AllDef),
    ];
    let mut rows = Vec::new();
    for (task, tree, request) in tasks {
        if filter.is_none_or(|word| task.contains(word)) {
            rows.extend(measure(&project, &shared, task, tree, &request)?);
        }
    }
    let mut text = table(&rows);
    text.push_str(&judgement(&rows));
    let menu = if filter.is_none_or(|word| "menu".contains(word)) {
        let base = complete(&shared, &arm64, &shared.build.join("bench"))?;
        Some(toggle::measure(&arm64, &base)?)
    } else {
        None
    };
    if let Some(menu) = &menu {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "menu on linux/arm64, from a key to the screen: {} keys, median {:.1} ms, longest {:.1} ms (changes {} lines; \
             below 50 ms): {}",
            menu.keys,
            menu.median_ms,
            menu.longest_ms,
            menu.longest_changes,
            if menu.met { "met" } else { "not met" }
        );
    }
    print!("{text}");
    if filter.is_none() {
        let folder = project.path("build/bench");
        std::fs::create_dir_all(&folder).context("create", &folder)?;
        let list = kconfig.join("PACKAGES");
        let references = std::fs::read_to_string(&list).context("read", &list)?;
        let figures = Figures {
            rounds: ROUNDS,
            references: references.lines().map(str::to_owned).collect(),
            rows,
            menu,
        };
        let json = serde_json::to_string_pretty(&figures)
            .map_err(|error| Failure::new(format!("cannot write the figures: {error}")))?;
        for (name, bytes) in [("kconfig.json", &json), ("kconfig.txt", &text)] {
            let file = folder.join(name);
            std::fs::write(&file, bytes).context("write", &file)?;
        }
    }
    Ok(())
}

fn measure(
    project: &Project,
    shared: &Shared,
    task: &str,
    tree: &Tree,
    request: &Request,
) -> Result<Vec<Row>> {
    let folder = shared.build.join("bench");
    let input = complete(shared, tree, &folder)?;
    let driver = project.path("tests/kconfig/src/kconfiglib_driver.py");
    let python = shared.kconfig.join("venv/bin/python3");
    let starts: [Start<'_>; 3] = [
        Box::new(|| peer::ours(&shared.program, tree, request)),
        // Every task is one that the tree's own can do.
        Box::new(|| peer::theirs(tree, request).unwrap_or_else(|| Command::new(tree.conf()))),
        Box::new(|| kconfiglib(&python, &driver, tree, request)),
    ];
    let remembered = shared.shell_variables(tree)?;
    let variables = |real: bool| {
        let mut all = tree.variables.clone();
        if !real {
            all.extend(remembered.iter().cloned());
        }
        all
    };
    let run = |start: &Start<'_>, real: bool| -> Result<Ended> {
        fresh(&folder, &input)?;
        process::run(&mut start(), &folder, &variables(real))?.expect(task)
    };
    // C conf first: it writes down what the shell answers.
    run(&starts[1], false)?;
    let mut ended: [[Vec<Ended>; 2]; 3] = Default::default();
    for round in 0..=ROUNDS {
        for (start, [real, answered]) in starts.iter().zip(&mut ended) {
            let (a, b) = (run(start, true)?, run(start, false)?);
            if round > 0 {
                real.push(a);
                answered.push(b);
            }
        }
    }
    let mut rows = Vec::new();
    for ((tool, [real, answered]), start) in TOOLS.iter().zip(&ended).zip(&starts) {
        fresh(&folder, &input)?;
        let python = *tool == "kconfiglib";
        rows.push(Row {
            task: task.to_owned(),
            tool,
            wall_real_shell_ms: median(real, |ended| ended.wall),
            wall_ms: median(answered, |ended| ended.wall),
            user_ms: median(answered, |ended| ended.user),
            system_ms: median(answered, |ended| ended.system),
            peak_kib: answered
                .iter()
                .map(|ended| ended.rss_kib)
                .max()
                .unwrap_or(0),
            // An interpreter under valgrind takes minutes and says little.
            instructions: if python {
                None
            } else {
                instructions(&start(), &folder, &variables(false))?
            },
        });
    }
    Ok(rows)
}

/// The complete configuration from which `olddefconfig` starts: what the tree's own makes by default.
fn complete(shared: &Shared, tree: &Tree, folder: &Path) -> Result<String> {
    if tree.kind != Kind::Linux {
        return Ok(String::new());
    }
    fresh(folder, "")?;
    let request = Request::Defconfig("arch/arm64/configs/defconfig".to_owned());
    let mut command = peer::theirs(tree, &request)
        .ok_or_else(|| Failure::new("C conf cannot read a defconfig"))?;
    let mut variables = tree.variables.clone();
    variables.extend(shared.shell_variables(tree)?);
    process::run(&mut command, folder, &variables)?.expect("C conf --defconfig")?;
    let file = folder.join(".config");
    std::fs::read_to_string(&file).context("read", &file)
}

/// An empty folder as after a build, with this `.config` unless it is empty.
fn fresh(folder: &Path, input: &str) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).context("remove", folder)?;
    }
    let made = folder.join("include/config");
    std::fs::create_dir_all(&made).context("create", &made)?;
    std::fs::write(made.join("auto.conf"), "").context("write", &made)?;
    if !input.is_empty() {
        let file = folder.join(".config");
        std::fs::write(&file, input).context("write", &file)?;
    }
    Ok(())
}

fn kconfiglib(python: &Path, driver: &Path, tree: &Tree, request: &Request) -> Command {
    let mut command = Command::new(python);
    command.arg(driver);
    match request {
        Request::Defconfig(file) => command.args(["defconfig", file]),
        Request::OldDef => command.arg("olddefconfig"),
        _ => command.arg("alldefconfig"),
    };
    command.arg(tree.kconfig());
    command
}

fn median(runs: &[Ended], what: impl Fn(&Ended) -> Duration) -> f64 {
    let mut times: Vec<Duration> = runs.iter().map(what).collect();
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Instructions of the process itself, by callgrind; `None` where that is not installed.
fn instructions(
    command: &Command,
    folder: &Path,
    variables: &[(String, String)],
) -> Result<Option<u64>> {
    let valgrind = PathBuf::from("/usr/bin/valgrind");
    if !valgrind.exists() {
        return Ok(None);
    }
    let mut counted = Command::new(valgrind);
    counted
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(command.get_program())
        .args(command.get_args());
    let ended = process::run(&mut counted, folder, variables)?.expect("valgrind")?;
    let total = ended
        .err
        .lines()
        .rev()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, rest)| rest.trim().parse().ok());
    Ok(total)
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<28} {:<11} {:>11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>14}\n",
        "task",
        "tool",
        "real shell",
        "in shell",
        "without",
        "user",
        "system",
        "peak MiB",
        "instructions"
    );
    for row in rows {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<28} {:<11} {:>8.0} ms {:>6.0} ms {:>6.0} ms {:>6.0} ms {:>6.0} ms {:>9.1} {:>14}",
            row.task,
            row.tool,
            row.wall_real_shell_ms,
            (row.wall_real_shell_ms - row.wall_ms).max(0.0),
            row.wall_ms,
            row.user_ms,
            row.system_ms,
            row.peak_kib as f64 / 1024.0,
            row.instructions.map_or("-".to_owned(), |n| n.to_string()),
        );
    }
    text
}

/// What was asked for, and whether it is so.
fn judgement(rows: &[Row]) -> String {
    let mut text = String::new();
    let find =
        |task: &str, tool: &str| rows.iter().find(|row| row.task == task && row.tool == tool);
    for row in rows.iter().filter(|row| row.tool == "ours") {
        let met = |yes: bool| if yes { "met" } else { "not met" };
        if let Some(conf) = find(&row.task, "conf") {
            let times = row.wall_ms / conf.wall_ms;
            let _ = writeln!(
                text,
                "{}: without the shell, {times:.2} of C conf's time (at most 1): {}",
                row.task,
                met(times <= 1.0)
            );
        }
        if let Some(python) = find(&row.task, "kconfiglib") {
            let times = python.wall_ms / row.wall_ms;
            let _ = writeln!(
                text,
                "{}: without the shell, {times:.1} times as fast as kconfiglib (at least {OVER_KCONFIGLIB}): {}",
                row.task,
                met(times >= OVER_KCONFIGLIB)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tool: &'static str, wall_ms: f64) -> Row {
        Row {
            task: "t".to_owned(),
            tool,
            wall_real_shell_ms: wall_ms + 100.0,
            wall_ms,
            user_ms: 0.0,
            system_ms: 0.0,
            peak_kib: 2048,
            instructions: None,
        }
    }

    #[test]
    fn what_is_asked_for_is_judged_by_the_time_without_the_shell() {
        let text = judgement(&[
            row("ours", 20.0),
            row("conf", 25.0),
            row("kconfiglib", 90.0),
        ]);
        assert_eq!(
            text,
            "t: without the shell, 0.80 of C conf's time (at most 1): met\n\
             t: without the shell, 4.5 times as fast as kconfiglib (at least 5): not met\n"
        );
    }
}
