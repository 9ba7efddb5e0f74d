//! The bars, and the tables on the terminal with the committed figures beside the new ones.
//!
//! `tools/cli/committed/preempt.json` has the figures of the last change that meant to change them; replace it with
//! `build/bench/preempt.json` to commit new ones. A figure that moves is shown; only a bar makes the bench fail.

use super::measure::Measured;
use super::{LOADS, MODELS, Row};

/// Instructions that `full` and `hybrid` may be late at most, under every load.
const PREEMPTIBLE_MAX: u64 = 3_000;
/// The same, as a multiple (in tenths) of the model's own maximum beside a neighbour that computes.
const OWN_SPIN_TENTHS: u64 = 15;
/// Instructions that `legacy` may be late at most: switching, and its longest stretch between checkpoints.
const LEGACY_MAX: u64 = 30_000;
/// The mean of `full` beside a neighbour that computes, in hundredths of that of `legacy`.
const MEAN_HUNDREDTHS: u64 = 110;
/// Instructions that a guest's own timer may be late while it is inside an operation, where the model promises any.
const OWN_MAX: u64 = 30_000;

/// The committed rows.
fn committed() -> Vec<Row> {
    // Damage shows as missing figures, and fails a test.
    serde_json::from_str(include_str!("../../committed/preempt.json")).unwrap_or_default()
}

/// The latest that Xen 4.17 was on the same emulated machine (credit2, its rate limit off).
fn xen(load: &str) -> Option<u64> {
    Some(match load {
        "idle" => 4_188,
        "spin" => 31_241,
        "alloc" => 521_523_193,
        "multicall" => 33_480,
        _ => return None,
    })
}

/// The head of the table.
pub fn print_heading() {
    println!("lateness of the RT guest's timer in instructions (QEMU -icount shift=0), one core");
    println!(
        "{:7} {:10} {:>6} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11} {:>7} {:>6} {:>8}",
        "model",
        "load",
        "count",
        "min",
        "mean",
        "p99",
        "max",
        "committed",
        "Xen 4.17",
        "missed",
        "calls",
        "stretch"
    );
}

/// A row of it.
pub fn print_row(run: &Measured) {
    let row = &run.row;
    let committed = committed()
        .into_iter()
        .find(|old| old.model == row.model && old.load == row.load)
        .map(|old| old.max);
    println!(
        "{:7} {:10} {:>6} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11} {:>7} {:>6} {:>8}",
        row.model,
        row.load,
        row.count,
        row.min,
        row.mean,
        row.p99,
        row.max,
        or_dash(committed),
        or_dash(xen(&row.load)),
        run.missed,
        run.calls,
        or_dash(run.stretch)
    );
}

/// A row of the sweep.
pub fn print_swept(interval: u32, run: &Measured) {
    let row = &run.row;
    println!(
        "{} {}, checkpoint every {interval} units: min {} mean {} p99 {} max {}, longest stretch {}",
        row.model,
        row.load,
        row.min,
        row.mean,
        row.p99,
        row.max,
        or_dash(run.stretch)
    );
}

fn or_dash(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// What is wrong with a complete set of figures: a sentence for each bar that is missed, and for each row that is.
pub fn judge(rows: &[Row], own: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    for model in MODELS {
        for load in LOADS {
            match find(rows, model, load) {
                Some(row) => wrong.extend(judge_row(row, rows)),
                None => wrong.push(format!("{model}/{load}: not measured")),
            }
        }
        match find(own, model, super::OWN) {
            Some(row) if model != "full" && row.max > OWN_MAX => wrong.push(format!(
                "{model}: a guest's own timer is {} late while it is inside an operation (at most {OWN_MAX})",
                row.max
            )),
            Some(_) => {}
            None => wrong.push(format!("{model}/{}: not measured", super::OWN)),
        }
    }
    if let (Some(full), Some(legacy)) = (find(rows, "full", "spin"), find(rows, "legacy", "spin"))
        && full.mean * 100 > legacy.mean * MEAN_HUNDREDTHS
    {
        wrong.push(format!(
            "beside a neighbour that computes, full is {} late on average and legacy {} (at most {MEAN_HUNDREDTHS} %)",
            full.mean, legacy.mean
        ));
    }
    wrong
}

fn judge_row(row: &Row, rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = format!("{}/{}", row.model, row.load);
    let bar = if row.model == "legacy" {
        LEGACY_MAX
    } else {
        PREEMPTIBLE_MAX
    };
    if row.max > bar {
        wrong.push(format!("{name}: {} late (at most {bar})", row.max));
    }
    if row.model != "legacy"
        && let Some(spin) = find(rows, &row.model, "spin")
        && row.max * 10 > spin.max * OWN_SPIN_TENTHS
    {
        wrong.push(format!(
            "{name}: {} late, more than 1.5 times the {} beside a neighbour that computes",
            row.max, spin.max
        ));
    }
    if xen(&row.load).is_some_and(|xen| row.max >= xen) {
        wrong.push(format!("{name}: {} late, no better than Xen", row.max));
    }
    wrong
}

fn find<'a>(rows: &'a [Row], model: &str, load: &str) -> Option<&'a Row> {
    rows.iter()
        .find(|row| row.model == model && row.load == load)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, load: &str, mean: u64, max: u64) -> Row {
        Row {
            model: model.to_owned(),
            load: load.to_owned(),
            count: 1000,
            min: 1,
            mean,
            p99: max,
            max,
        }
    }

    fn good() -> (Vec<Row>, Vec<Row>) {
        let mut rows = Vec::new();
        let mut own = Vec::new();
        for model in MODELS {
            rows.extend(LOADS.map(|load| row(model, load, 2000, 2500)));
            own.push(row(model, super::super::OWN, 2000, 2500));
        }
        (rows, own)
    }

    fn change(rows: &mut [Row], model: &str, load: &str, mean: u64, max: u64) {
        for found in rows.iter_mut() {
            if found.model == model && found.load == load {
                *found = row(model, load, mean, max);
            }
        }
    }

    #[test]
    fn each_bar_is_held_against_the_rows_it_is_for() {
        let (rows, own) = good();
        assert_eq!(judge(&rows, &own), [""; 0]);
        let complaints = |model, load, mean, max| {
            let mut rows = rows.clone();
            change(&mut rows, model, load, mean, max);
            judge(&rows, &own).len()
        };
        assert_eq!(complaints("full", "alloc", 2000, 3001), 1);
        assert_eq!(complaints("legacy", "alloc", 2000, 30_000), 0);
        assert_eq!(complaints("legacy", "alloc", 2000, 30_001), 1);
        assert_eq!(complaints("full", "spin", 2201, 2500), 1, "the mean");
        assert_eq!(complaints("legacy", "idle", 2000, 4188), 1, "Xen's");
        // All others are now more than 1.5 times this one.
        assert_eq!(complaints("hybrid", "spin", 1000, 1600), 6);
    }

    #[test]
    fn only_full_may_keep_a_guest_from_its_own_timer() {
        let (rows, mut own) = good();
        change(&mut own, "full", "own", 2000, 500_000_000);
        assert!(judge(&rows, &own).is_empty());
        change(&mut own, "hybrid", "own", 2000, 30_001);
        assert_eq!(judge(&rows, &own).len(), 1);
    }

    /// `1,234,567`.
    fn grouped(number: u64) -> String {
        match number {
            0..1000 => number.to_string(),
            _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
        }
    }

    #[test]
    fn the_page_on_preemption_shows_the_committed_figures() {
        let page = include_str!("../../../../docs/preemption.md");
        let committed = committed();
        for load in LOADS {
            let figures = committed.iter().filter(|row| row.load == load).map(|row| {
                let numbers = [row.mean, row.p99, row.max].map(grouped);
                numbers.join(" / ")
            });
            // One for each model, in the order of the table.
            let cells: Vec<_> = figures.collect();
            let cells = format!(" | {} | ", cells.join(" | "));
            assert!(page.contains(&cells), "{load}:{cells}");
        }
    }

    #[test]
    fn the_committed_figures_can_be_read() {
        let text = include_str!("../../committed/preempt.json");
        assert!(serde_json::from_str::<Vec<Row>>(text).is_ok());
    }

    #[test]
    fn a_row_that_is_missing_is_not_good() {
        let (mut rows, own) = good();
        rows.pop();
        assert_eq!(judge(&rows, &own), ["hybrid/console: not measured"]);
    }
}
