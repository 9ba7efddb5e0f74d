//! The real configuration: the feature model in `configs/`, the kernel's Cargo features, and the shipped
//! defconfigs must agree with each other and with the systems.

mod common;

use std::collections::BTreeSet;
use std::fs;

use board::{Inputs, Symbols, evaluate, features};
use common::{Folder, guests, root};
use kconf::{Config, Env, Kind, Layer, Model};

fn model() -> Model {
    Model::load(&root().join("configs/Kconfig"), &Env::process())
        .unwrap_or_else(|errors| panic!("configs/Kconfig: {errors}"))
}

#[test]
fn the_kernels_features_are_the_bool_symbols() {
    let model = model();
    let symbols: BTreeSet<String> = Config::new(&model)
        .iter()
        .filter(|(symbol, _, _)| symbol.kind() == Kind::Bool)
        .map(|(symbol, _, _)| symbol.name().to_lowercase())
        .collect();
    let manifest = fs::read_to_string(root().join("kernel/image/Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let features: BTreeSet<String> = manifest["features"]
        .as_table()
        .unwrap()
        .keys()
        .filter(|name| *name != "default")
        .cloned()
        .collect();
    assert!(!symbols.is_empty());
    let missing: Vec<_> = symbols.difference(&features).collect();
    let stale: Vec<_> = features.difference(&symbols).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "[features] of kernel/image/Cargo.toml: missing {missing:?}, without a symbol {stale:?}"
    );
}

#[test]
fn the_boards_in_the_menu_are_the_folders_of_boards() {
    let text = fs::read_to_string(root().join("configs/Kconfig.boards")).unwrap();
    let wanted = board::board_menu(&root().join("boards"), "qemu-virt").unwrap();
    assert_eq!(
        text, wanted,
        "configs/Kconfig.boards is stale: run `make generate`"
    );
}

#[test]
fn a_new_board_needs_its_file_only_to_be_in_the_menu() {
    let folder = Folder::new();
    let shipped = fs::read_to_string(root().join("boards/qemu-virt/board.toml")).unwrap();
    for (name, title) in [("qemu-virt", "QEMU virt"), ("my.board-2", r#"Mine \"2\""#)] {
        fs::create_dir_all(folder.path().join("boards").join(name)).unwrap();
        let text = shipped.replace("title = \"QEMU virt\"", &format!("title = \"{title}\""));
        fs::write(
            folder.path().join("boards").join(name).join("board.toml"),
            text,
        )
        .unwrap();
    }
    let menu = board::board_menu(&folder.path().join("boards"), "qemu-virt").unwrap();
    let root = folder.path().join("Kconfig");
    fs::write(
        &root,
        format!("{menu}\nconfig UART_PL011\n\tbool \"PL011\"\n"),
    )
    .unwrap();
    let model = Model::load(&root, &Env::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let mut config = Config::new(&model);
    assert_eq!(config.string("BOARD").as_deref(), Some("qemu-virt"));
    config.read_str("x", "CONFIG_BOARD_MY_BOARD_2=y\n", Layer::User);
    assert_eq!(config.string("BOARD").as_deref(), Some("my.board-2"));
    assert!(config.is_on("UART_PL011"));
}

#[test]
fn the_default_configuration_evaluates_with_every_shipped_system() {
    let model = model();
    let mut config = Config::new(&model);
    let path = root().join("defconfigs/qemu-virt_legacy_defconfig");
    config
        .read(&path, Layer::Defconfig)
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.string("BOARD").as_deref(), Some("qemu-virt"));
    assert!(features(&config).contains(&"preempt_legacy".to_owned()));
    let mut burning = Config::new(&model);
    burning.read_str("base", &config.write(), Layer::Config);
    burning
        .merge(&root().join("configs/fragments/burn.config"))
        .unwrap_or_else(|errors| panic!("{errors}"));
    let mut hybrid = Config::new(&model);
    hybrid.read_str("base", &burning.write(), Layer::Config);
    hybrid.read_str("model", "CONFIG_PREEMPT_HYBRID=y\n", Layer::User);
    let folder = guests();
    for entry in fs::read_dir(root().join("configs/systems")).unwrap() {
        let system = entry.unwrap().path();
        let evaluate = |symbols| {
            evaluate(&Inputs {
                board: &root().join("boards/qemu-virt/board.toml"),
                system: &system,
                symbols,
                guests: Some(&folder.path().join("guests")),
                built: Some(&folder.path().join("built")),
                linker_template: &root().join("kernel/arch/link.ld.j2"),
            })
        };
        let mut result = evaluate(&config);
        // Those that measure or stress ask for a fragment, one that marks cores for a model, and say so.
        for (symbol, symbols) in [("DEBUG_BURN", &burning), ("PREEMPT_HYBRID", &hybrid)] {
            let asks = |errors: &board::Errors| {
                errors
                    .to_string()
                    .contains(&format!("needs CONFIG_{symbol}=y"))
            };
            if result.as_ref().is_err_and(asks) {
                result = evaluate(symbols);
            }
        }
        assert!(
            result.is_ok(),
            "{}: {}",
            system.display(),
            result.unwrap_err()
        );
    }
}
