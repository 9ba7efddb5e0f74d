//! The menu for one tree, with nothing around it: `menu KCONFIG CONFIG [ascii|colour|mouse]...`.
//!
//! The tests in a pseudo-terminal drive it.

use std::path::Path;
use std::process::ExitCode;

use kconf::{Config, Env, Layer, Model};
use kconf_menu::{Options, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kconfig, path, flags @ ..] = arguments.as_slice() else {
        eprintln!("usage: menu KCONFIG CONFIG [ascii|colour|mouse]...");
        return ExitCode::from(2);
    };
    match start(kconfig, path, flags) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("menu: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(
    kconfig: &str,
    path: &str,
    flags: &[String],
) -> Result<String, Box<dyn std::error::Error>> {
    let model = Model::load(Path::new(kconfig), &Env::process())?;
    let mut config = Config::new(&model);
    if Path::new(path).exists() {
        config.read(Path::new(path), Layer::Config)?;
    }
    let has = |flag: &str| flags.iter().any(|f| f == flag).then_some(true);
    let options = Options {
        ascii: has("ascii"),
        colour: has("colour"),
        mouse: has("mouse"),
        ..Options::new(path)
    };
    Ok(run(&model, &mut config, options)?.to_string())
}
