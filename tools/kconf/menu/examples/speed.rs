//! How long keys take on a large tree: `srctree=LINUX ARCH=arm64 SRCARCH=arm64 CC=gcc LD=ld ... speed KCONFIG CONFIG`.
//!
//! Prints the time from a key to the drawn screen for what users do most: moving, toggling, searching, opening.

use std::path::Path;
use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kconf::{Config, Env, Layer, Model};
use kconf_menu::{App, Options, Theme, render, solver};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kconfig, path] = arguments.as_slice() else {
        return Err("usage: speed KCONFIG CONFIG".into());
    };
    let start = Instant::now();
    let model = Model::load(Path::new(kconfig), &Env::process())?;
    println!(
        "{:>9.1?}  load {} symbols",
        start.elapsed(),
        model.symbols().count()
    );
    let start = Instant::now();
    let mut config = Config::new(&model);
    config.read(Path::new(path), Layer::Config)?;
    println!("{:>9.1?}  read the configuration", start.elapsed());
    let start = Instant::now();
    let mut app = App::new(config, Options::new(path.as_str()), solver());
    println!("{:>9.1?}  start the menu", start.elapsed());
    let theme = Theme::new(true, false);
    let mut screen = Terminal::new(TestBackend::new(80, 24))?;
    let enter = KeyCode::Enter;
    let (down, esc) = (KeyCode::Down, KeyCode::Esc);
    let key = KeyCode::Char;
    for (what, codes) in [
        ("move", vec![down, down, down]),
        ("open a menu", vec![enter]),
        ("close it", vec![esc]),
        ("find NET", vec![key('/'), key('n'), key('e'), key('t')]),
        ("narrow it", vec![key('d'), key('e'), key('v')]),
        ("move in the results", vec![down, down, down]),
        ("back", vec![esc]),
        (
            "find USB_SUPPORT",
            "/USB_SUPPORT".chars().map(key).collect(),
        ),
        ("go there", vec![enter]),
        ("switch it off", vec![key('n')]),
        ("switch it on", vec![key('y')]),
        ("undo", vec![key('u')]),
        ("show all", vec![key('Z')]),
        ("help", vec![key('?')]),
    ] {
        let mut longest = std::time::Duration::ZERO;
        for code in codes {
            let start = Instant::now();
            app.key(KeyEvent::new(code, KeyModifiers::NONE));
            screen.draw(|frame| render(&app, &theme, frame))?;
            longest = longest.max(start.elapsed());
        }
        println!("{longest:>9.1?}  {what}");
    }
    Ok(())
}
