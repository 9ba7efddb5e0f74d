//! What bad input is answered with: the rendered errors, in full, under snapshot.
//!
//! The promise of each: file, line, column and a caret, what is wrong and what would be right, and all errors of
//! the input in one run.

use std::fs;
use std::path::{Path, PathBuf};

use kconf::{Config, Env, Layer, Model};

fn scratch(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("errors")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("folder");
    for (file, text) in files {
        fs::write(folder.join(file), text).expect("file");
    }
    folder
}

/// The errors of a tree, with the scratch folder's path taken out.
fn kconfig_errors(name: &str, files: &[(&str, &[u8])]) -> String {
    let folder = scratch(name, files);
    let found = match Model::load(&folder.join("Kconfig"), &Env::default()) {
        Ok(model) => model.warnings().to_string(),
        Err(found) => found.to_string(),
    };
    found
        .replace(&format!("{}/", folder.display()), "")
        .replace(&folder.display().to_string(), "FOLDER")
}

/// What is said about a `.config`, with all warnings.
fn config_findings(kconfig: &str, config: &str) -> String {
    let model =
        Model::load_str(Path::new("Kconfig"), kconfig, &Env::default()).expect("a good tree");
    let mut found = Config::new(&model);
    found.read_str(".config", config, Layer::Defconfig);
    found.diagnostics().to_string()
}

macro_rules! bad_kconfig {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            let text: &[u8] = $text;
            insta::assert_snapshot!(kconfig_errors(stringify!($name), &[("Kconfig", text)]));
        }
    )*};
}

macro_rules! bad_config {
    ($($name:ident: $kconfig:expr, $config:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(config_findings($kconfig, $config));
        }
    )*};
}

bad_kconfig! {
    text_without_closing_quote: b"config A\n\tbool \"a\n\thelp\n\t  x\n";
    text_closed_with_the_other_quote: b"config A\n\tbool \"a'\r\n";
    unknown_key_word_with_a_suggestion: b"config A\n\tbool \"a\"\n\tdepend on B\n\tslect C\n";
    help_text_that_is_not_indented: b"config A\n\tbool \"a\"\n\thelp\nThis text is not indented.\n";
    menu_that_is_never_closed: b"menu \"m\"\nconfig A\n\tbool \"a\"\n";
    end_without_start: b"config A\n\tbool \"a\"\nendmenu\n";
    blocks_closed_in_the_wrong_order: b"menu \"m\"\nif A\nendmenu\nendif\n";
    several_errors_at_once: b"config\n\tbool \"a\"\nconfig B\n\tbool b\n\tdepends A\n\tdefault y if\nconfig C extra\n";
    expression_that_stops_early: b"config A\n\tbool \"a\"\n\tdepends on (B && (C || D)\n\tdefault y if B &&\n";
    single_ampersand: b"config A\n\tbool \"a\"\n\tdepends on B & C\n";
    key_word_as_symbol: b"config A\n\tbool \"a\"\n\tdepends on default\n";
    symbol_that_depends_on_itself: b"config A\n\tbool \"a\"\n\tdepends on A\n";
    dependency_cycle_of_three: b"config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool\n\tdefault y if C\nconfig C\n\tbool \"c\"\n\tselect B if A\n";
    dependency_cycle_through_a_choice: b"choice\n\tprompt \"c\"\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nendchoice\n";
    choice_member_without_prompt: b"choice\n\tprompt \"c\"\nconfig A\n\tbool\nconfig B\n\ttristate \"b\"\nendchoice\n";
    choice_without_prompt_and_with_a_menu: b"choice\nmenu \"x\"\nendmenu\nendchoice\n";
    default_of_a_choice_member: b"choice\n\tprompt \"c\"\nconfig A\n\tbool \"a\"\n\tdefault y\nendchoice\n";
    macro_that_is_never_closed: b"config A\n\tdef_bool $(shell,echo \"(\")\nconfig B\n\tbool \"b $(C\"\n";
    macro_value_that_is_never_closed: b"f = $(g\nconfig A\n\tdef_bool $(f)\n";
    macro_that_refers_to_itself: b"a = x$(b)\nb = $(c,1)\nc = $(1)$(a)\nconfig A\n\tdef_bool $(a)\n";
    macro_function_that_calls_itself_for_ever: b"f = $(f,$(1)x)\nconfig A\n\tdef_bool $(f,y)\n";
    macro_that_doubles_at_each_step: b"a = $(b)$(b)$(b)$(b)$(b)$(b)$(b)$(b)\nb = $(c)$(c)$(c)$(c)$(c)$(c)$(c)$(c)\nc = $(d)$(d)$(d)$(d)$(d)$(d)$(d)$(d)\nd = $(e)$(e)$(e)$(e)$(e)$(e)$(e)$(e)\ne = $(f)$(f)$(f)$(f)$(f)$(f)$(f)$(f)\nf = $(g)$(g)$(g)$(g)$(g)$(g)$(g)$(g)\ng =\nconfig A\n\tdef_bool $(a)\n";
    macro_functions_with_wrong_arguments: b"$(shell)\n$(info,a,b)\n$(lineno,a)\n$(warning-if,y)\n";
    macro_function_that_is_not_there: b"config A\n\tdef_bool $(succes,true)\n";
    tree_that_gives_up: b"$(warning-if,y,an old compiler)\n$(error-if,$(success,true),no compiler)\nconfig A\n\tbool \"a\n";
    assignment_among_attributes: b"config A\n\tbool \"a\"\nX = 1\n\tdefault y\n";
    older_dialects_are_not_there_yet: b"config A\n\tbool \"a\"\n\toption env=\"X\"\nchoice NAME\n\tprompt \"c\"\n\toptional\nendchoice\nsource a/Kconfig\nconfig B\n\tbool \"b\"\n\t---help---\n\t  x\n";
    newer_language_is_not_there_yet: b"config A\n\tbool \"a\"\n\tdepends on B if C\n\ttransitional\n";
    bytes_that_are_not_utf8: b"config A\n\tbool \"caf\xe9\"\n";
    file_that_does_not_exist: b"config A\n\tbool \"a\"\nsource \"missing/Kconfig\"\nrsource \"gone\"\nosource \"may be missing\"\n";
    title_that_is_not_first: b"config A\n\tbool \"a\"\nmainmenu \"late\"\n";
    attributes_in_the_wrong_place: b"\tbool \"a\"\nmenu \"m\"\n\tselect A\n\tvisible if A\nendmenu\ncomment \"c\"\n\tdefault y\nconfig B\n\tbool \"b\"\n\tvisible if A\n";
    definitions_that_are_only_doubtful: b"config A\n\tprompt \"a\"\nconfig B\n\tint \" b\"\n\tdefault y\n\trange 0 a\nconfig C\n\tbool \"c\"\n\tselect B\n\tint\n\thelp\nconfig D\n\tstring \"d\"\n\tdefault \"$(NOT_SET)\"\n\tdefault A && B\n";
    two_symbols_for_modules: b"config A\n\tbool \"a\"\n\tmodules\nconfig B\n\tbool \"b\"\n\tmodules\n";
}

#[test]
fn files_that_include_each_other() {
    insta::assert_snapshot!(kconfig_errors(
        "files_that_include_each_other",
        &[
            ("Kconfig", b"mainmenu \"x\"\nsource \"a\"\n"),
            ("a", b"config A\n\tbool\n\nsource \"b\"\n"),
            ("b", b"source \"a\"\n"),
        ],
    ));
}

#[test]
fn errors_of_several_files_come_together() {
    insta::assert_snapshot!(kconfig_errors(
        "errors_of_several_files_come_together",
        &[("Kconfig", b"source \"a\"\nconfig\n"), ("a", b"if X\n\n"),],
    ));
}

const TREE: &str = "config FEATURE\n\tbool \"feature\"\n\nconfig INNER\n\tbool \"inner\"\n\tdepends on FEATURE\n\n\
config A\n\tbool \"a\"\n\tdepends on FEATURE && (INNER || MISSING) && !OTHER\n\nconfig OTHER\n\tbool \"other\"\n\n\
config N\n\tint \"n\"\n\trange 1 8\n\tdefault 4\n\nconfig X\n\thex \"x\"\n\tdefault 0x10\n\n\
config S\n\tstring \"s\"\n\nconfig AUTO\n\tdef_bool y if OTHER\n\thelp\n\t  Follows OTHER.\n\n\
config FORCED\n\tbool \"forced\"\n\nconfig FORCER\n\tbool \"forcer\"\n\tselect FORCED\n\tselect INNER\n\n\
choice\n\tprompt \"pick\"\nconfig ONE\n\tbool \"one\"\nconfig TWO\n\tbool \"two\"\n\tdepends on FEATURE\nendchoice\n\n\
config T\n\ttristate \"t\"\n";

bad_config! {
    unknown_symbol_with_a_suggestion: TREE, "CONFIG_FEATUER=y\nCONFIG_SOMETHING=1\n# CONFIG_NOTHING is not set\n";
    lines_that_are_no_assignments: TREE, "FEATURE=y\n  CONFIG_N=3\nCONFIG_N\nrubbish\n";
    values_of_the_wrong_type: TREE, "CONFIG_FEATURE=1\nCONFIG_N=0x3\nCONFIG_X=xyz\nCONFIG_S=bare\nCONFIG_OTHER=m\n# CONFIG_X is not set\n";
    values_with_a_tail: TREE, "CONFIG_FEATURE=yes\nCONFIG_S=\"a\" # b\n";
    string_without_closing_quote: TREE, "CONFIG_S=\"abc\\\"\n";
    number_out_of_range: TREE, "CONFIG_N=9\n";
    dependency_that_failed_is_named: TREE, "CONFIG_A=y\n";
    every_failing_part_is_named: TREE, "CONFIG_A=y\nCONFIG_OTHER=y\n";
    blocker_that_is_hidden_itself: "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\n\tdepends on B\n", "CONFIG_C=y\n";
    symbol_without_prompt: TREE, "CONFIG_AUTO=y\n";
    symbol_that_is_selected: TREE, "CONFIG_FEATURE=y\nCONFIG_FORCER=y\n# CONFIG_FORCED is not set\n";
    selected_with_unmet_dependencies: TREE, "CONFIG_FORCER=y\n";
    two_members_of_a_choice: TREE, "CONFIG_FEATURE=y\nCONFIG_ONE=y\nCONFIG_TWO=y\n";
    member_that_cannot_be_chosen: TREE, "CONFIG_TWO=y\n";
    only_member_refused: TREE, "# CONFIG_ONE is not set\n";
    assigned_twice: TREE, "CONFIG_N=3\nCONFIG_N=5\n";
    dependency_that_compares: "config I\n\tint \"i\"\n\tdefault 3\nconfig B\n\tbool \"b\"\n\tdepends on I > 5\n", "CONFIG_B=y\n";
    hidden_by_its_menu: "config E\n\tbool \"e\"\nmenu \"m\"\n\tvisible if E\nconfig A\n\tint \"a\"\n\tdefault 1\nendmenu\n", "CONFIG_A=2\n";
}

#[test]
fn bytes_in_a_configuration_that_are_not_utf8() {
    let model = Model::load_str(Path::new("Kconfig"), TREE, &Env::default()).expect("a good tree");
    let found = Config::new(&model).read_bytes(
        ".config",
        b"CONFIG_N=3\nCONFIG_S=\"\xff\"\n".to_vec(),
        Layer::Config,
    );
    insta::assert_snapshot!(found.expect_err("an error").to_string());
}

#[test]
fn a_later_layer_may_replace_a_choice_without_a_warning() {
    let model = Model::load_str(Path::new("Kconfig"), TREE, &Env::default()).expect("a good tree");
    let mut config = Config::new(&model);
    config.read_str("base", "CONFIG_FEATURE=y\nCONFIG_ONE=y\n", Layer::Defconfig);
    config.read_str("fragment", "CONFIG_TWO=y\n", Layer::Fragment);
    assert_eq!(config.strict().map_err(|e| e.to_string()), Ok(()));
    assert!(config.is_on("TWO") && !config.is_on("ONE"));
}

#[test]
fn what_a_fragment_hides_is_not_held_against_the_configuration_below() {
    let model = Model::load_str(Path::new("Kconfig"), TREE, &Env::default()).expect("a good tree");
    let mut config = Config::new(&model);
    config.read_str(
        ".config",
        "CONFIG_FEATURE=y\nCONFIG_INNER=y\n",
        Layer::Config,
    );
    assert!(config.is_on("INNER"));
    config.read_str("fragment", "# CONFIG_FEATURE is not set\n", Layer::Fragment);
    assert_eq!(config.strict().map_err(|e| e.to_string()), Ok(()));
    assert!(!config.is_on("INNER"));
}

#[test]
fn every_value_knows_where_it_comes_from() {
    let model = Model::load_str(Path::new("Kconfig"), TREE, &Env::default()).expect("a good tree");
    let mut config = Config::new(&model);
    config.read_str(
        "base",
        "CONFIG_FEATURE=y\nCONFIG_FORCER=y\n",
        Layer::Defconfig,
    );
    config.read_str("gicv2.config", "\nCONFIG_N=2\n", Layer::Fragment);
    config.set("S", "text").expect("S is a string");
    let origin = |name: &str| config.origin(name).expect("known").to_string();
    assert_eq!(origin("FEATURE"), "defconfig base:1:1");
    assert_eq!(origin("N"), "fragment gicv2.config:2:1");
    assert_eq!(origin("S"), "user <command line>:1:1");
    assert_eq!(origin("X"), "default Kconfig:22:2");
    assert_eq!(origin("FORCED"), "select by FORCER Kconfig:37:2");
    assert_eq!(origin("ONE"), "choice Kconfig:40:1");
    assert_eq!(origin("T"), "unset");
    assert_eq!(config.value("S").expect("known").literal(), "\"text\"");
}
