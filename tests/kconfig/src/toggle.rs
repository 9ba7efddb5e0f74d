//! How long the menu takes from a key to the drawn screen, on Linux arm64 from its defconfig.
//!
//! On every line of the first screen `n`, `y` and `n` are pressed: modules, networking, the block layer and the other switches from which
//! most of the tree hangs. Measured is the key and drawing 80 by 24 characters afterwards. Keys that change nothing are not
//! counted.

use std::time::{Duration, Instant};

use cli::{Context, Failure, Result};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kconf::{Config, Layer, Model};
use kconf_menu::{App, Options, Theme, render, solver};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde::Serialize;

use crate::trees::Tree;

/// Lines of the first screen that are tried.
const LINES: usize = 24;
/// What is asked for.
const BOUND: Duration = Duration::from_millis(50);

/// What was measured.
#[derive(Serialize)]
pub struct Toggles {
    /// Keys that changed something.
    pub keys: usize,
    /// Of the times, in milliseconds.
    pub median_ms: f64,
    /// Of the times, in milliseconds.
    pub longest_ms: f64,
    /// What the longest changed, as lines of the `.config`.
    pub longest_changes: usize,
    /// Whether the longest is below the bound.
    pub met: bool,
}

/// Measures; `base` is the `.config` to start from.
///
/// # Errors
/// The tree cannot be read.
pub fn measure(tree: &Tree, base: &str) -> Result<Toggles> {
    let model = Model::load(&tree.root.join(tree.kconfig()), &tree.env())?;
    let mut config = Config::new(&model);
    config.read_str(".config", base, Layer::Config);
    let mut app = App::new(config, Options::new(".config"), solver());
    let theme = Theme::new(false, true);
    app.resize(80, 24);
    let mut screen = Terminal::new(TestBackend::new(80, 24))
        .map_err(|error| Failure::new(format!("cannot make a screen: {error}")))?;
    let mut times: Vec<(Duration, usize)> = Vec::new();
    let mut before = app.config().write();
    for _ in 0..LINES {
        for key in ['n', 'y', 'n'] {
            let start = Instant::now();
            app.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
            screen
                .draw(|frame| render(&app, &theme, frame))
                .context("draw", std::path::Path::new("the screen"))?;
            let took = start.elapsed();
            let after = app.config().write();
            if after != before {
                times.push((took, different(&before, &after)));
                before = after;
            }
        }
        app.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE));
    }
    times.sort_unstable();
    let (Some(longest), Some(median)) = (times.last(), times.get(times.len() / 2)) else {
        return Err(Failure::new(
            "no key on the menu's first screen changed anything",
        ));
    };
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Ok(Toggles {
        keys: times.len(),
        median_ms: ms(median.0),
        longest_ms: ms(longest.0),
        longest_changes: longest.1,
        met: longest.0 < BOUND,
    })
}

fn different(before: &str, after: &str) -> usize {
    let known: std::collections::BTreeSet<&str> = before.lines().collect();
    after.lines().filter(|line| !known.contains(line)).count()
}
