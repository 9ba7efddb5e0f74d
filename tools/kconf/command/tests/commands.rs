//! Every command of our own: a good case, its JSON read back, and a bad case with its error. Help, manual pages and
//! documentation name the same options.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{kconf, text};

use serde_json::Value;

const TREE: &str = "mainmenu \"Test\"\n\nconfig A\n\tbool \"Alpha\"\n\thelp\n\t  The first one.\n\nconfig B\n\tbool \"Beta\"\n\tdepends on A\n\tselect D\n\tdefault y if A && !N\n\nconfig N\n\tint \"Number\"\n\trange 1 9\n\tdefault 3\n\nconfig D\n\tbool\n";

fn scratch(name: &str) -> PathBuf {
    common::scratch("commands", name, TREE)
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = kconf(folder, &[&["--json"], arguments].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {output:?}"))
}

#[test]
fn merge_reports_what_did_not_take_with_the_dependency_that_failed() {
    let folder = scratch("merge");
    fs::write(folder.join("base"), "CONFIG_N=4\n").expect("file");
    fs::write(folder.join("one"), "CONFIG_B=y\n").expect("file");
    let report = json(&folder, &["merge", "Kconfig", "base", "one"]);
    let found = &report["diagnostics"][0];
    assert_eq!(found["code"], "did-not-take");
    assert_eq!(found["symbol"], "B");
    assert_eq!(found["labels"][1]["text"], "A is n");
    assert!(folder.join(".config").exists());
    let output = kconf(&folder, &["merge", "Kconfig", "missing"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing"));
}

#[test]
fn set_writes_what_takes_and_refuses_what_does_not() {
    let folder = scratch("set");
    let output = kconf(&folder, &["set", "Kconfig", "A=y", "CONFIG_B=y"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = fs::read_to_string(folder.join(".config")).expect(".config");
    assert!(written.contains("CONFIG_B=y"), "{written}");
    for (refused, word) in [
        ("N=99", "out-of-range"),
        ("D=n", "has no prompt"),
        ("A=maybe", "malformed"),
        ("NOPE=y", "no Kconfig file"),
    ] {
        let output = kconf(&folder, &["set", "Kconfig", refused]);
        assert_eq!(output.status.code(), Some(1), "{refused}");
        assert!(text(&output.stderr).contains(word), "{output:?}");
        let now = fs::read_to_string(folder.join(".config")).expect(".config");
        assert_eq!(now, written, "{refused}");
    }
    assert_eq!(
        kconf(&folder, &["set", "Kconfig", "A"]).status.code(),
        Some(2)
    );
}

#[test]
fn get_and_why_answer_in_json_too() {
    let folder = scratch("get");
    assert_eq!(json(&folder, &["get", "Kconfig", "N"])["values"]["N"], "3");
    let why = json(&folder, &["why", "Kconfig", "B"]);
    assert_eq!((&why["value"], &why["type"]), (&"n".into(), &"bool".into()));
    assert_eq!(why["blockers"][0]["text"], "A is n");
    assert_eq!(why["blockers"][0]["place"]["line"], 10);
    for command in ["get", "why", "graph"] {
        let output = kconf(&folder, &[command, "Kconfig", "ALPHABET"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(text(&output.stderr).contains("ALPHABET is defined in no Kconfig file"));
    }
}

#[test]
fn diff_shows_what_went_changed_and_came() {
    let folder = scratch("diff");
    fs::write(folder.join("a"), "CONFIG_A=y\nCONFIG_N=1\n").expect("file");
    fs::write(folder.join("b"), "# CONFIG_A is not set\nCONFIG_S=\"x\"\n").expect("file");
    let output = kconf(&folder, &["diff", "a", "b"]);
    assert_eq!(text(&output.stdout), "-N 1\n A y -> n\n+S \"x\"\n");
    let found = json(&folder, &["diff", "a", "b", "--kconfig", "Kconfig"]);
    let origin = &found["differences"]
        .as_array()
        .expect("list")
        .iter()
        .find(|d| d["symbol"] == "N")
        .expect("N differs")["new_origin"];
    assert_eq!(origin, "default Kconfig:17:2");
    assert_eq!(kconf(&folder, &["diff", "a", "zz"]).status.code(), Some(1));
}

#[test]
fn why_not_gives_changes_that_do_it() {
    let folder = scratch("why-not");
    let answer = json(&folder, &["why-not", "Kconfig", "B"]);
    assert_eq!(answer["result"]["answer"], "possible");
    let changes = answer["result"]["sets"][0]["changes"].as_array();
    let symbols: Vec<&str> = changes
        .expect("changes")
        .iter()
        .filter_map(|c| c["symbol"].as_str())
        .collect();
    assert!(symbols.contains(&"A"), "{answer}");
    let output = kconf(&folder, &["why-not", "Kconfig", "N=99"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn search_says_what_must_be_on_first() {
    let folder = scratch("search");
    let output = text(&kconf(&folder, &["search", "Kconfig", "beta"]).stdout);
    assert!(output.contains("needs first: A (A is n)"), "{output}");
    let found = json(&folder, &["search", "Kconfig", "the first"]);
    assert_eq!(found["symbols"][0]["symbol"], "A");
    let output = kconf(&folder, &["search", "Kconfig", "zzz"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn stats_graph_and_docs_describe_the_tree() {
    let folder = scratch("describe");
    let stats = json(&folder, &["stats", "Kconfig"]);
    assert_eq!(
        (&stats["symbols"], &stats["types"]["bool"]),
        (&4.into(), &3.into())
    );
    let dot = text(&kconf(&folder, &["graph", "Kconfig", "D"]).stdout);
    assert!(
        dot.contains("\"D\" -> \"B\" [label=\"selected by\""),
        "{dot}"
    );
    assert!(
        dot.contains("\"B\" -> \"A\" [label=\"depends on\"]"),
        "{dot}"
    );
    let graph = json(&folder, &["graph", "Kconfig", "D", "--depth", "1"]);
    assert_eq!(graph["nodes"].as_array().map(Vec::len), Some(2));
    let docs = text(&kconf(&folder, &["docs", "Kconfig"]).stdout);
    insta::assert_snapshot!("reference_manual", docs);
    let docs = json(&folder, &["docs", "Kconfig"]);
    assert_eq!(docs["symbols"][1]["depends_on"][0], "A");
    for command in ["stats", "docs", "lint", "count", "random", "matrix"] {
        let output = kconf(&folder, &[command, "Nowhere"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(text(&output.stderr).contains("cannot read Nowhere"));
    }
}

#[test]
fn lint_finds_and_says_so_by_its_status() {
    let folder = scratch("lint");
    let found = json(&folder, &["lint", "Kconfig", "--kind", "no-help"]);
    assert_eq!(found["findings"].as_array().map(Vec::len), Some(2));
    let output = kconf(&folder, &["lint", "Kconfig", "--kind", "no-help"]);
    assert_eq!(output.status.code(), Some(1));
    let output = kconf(&folder, &["lint", "Kconfig", "--kind", "dead-symbol"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let output = kconf(&folder, &["lint", "Kconfig", "--kind", "ugly"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_matrix_passes_its_own_check_and_a_changed_one_does_not() {
    let folder = scratch("matrix");
    let arguments = ["--json", "matrix", "Kconfig", "--symbols", "A,B"];
    let certificate = text(&kconf(&folder, &arguments).stdout);
    fs::write(folder.join("good"), &certificate).expect("file");
    let check = json(&folder, &["matrix", "Kconfig", "--verify", "good"]);
    assert_eq!(check["tuples"], 4);
    let mut broken: Value = serde_json::from_str(&certificate).expect("JSON");
    broken["infeasible"] = Value::Array(Vec::new());
    fs::write(folder.join("bad"), broken.to_string()).expect("file");
    let output = kconf(&folder, &["matrix", "Kconfig", "--verify", "bad"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn count_and_random_use_the_solver() {
    let folder = scratch("count");
    let count = json(&folder, &["count", "Kconfig", "--symbols", "A,B"]);
    assert_eq!(count["number"], "3");
    let arguments = ["random", "Kconfig", "--number", "3", "--seed", "7"];
    let sample = json(&folder, &arguments);
    assert_eq!(sample["configs"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        sample,
        json(&folder, &arguments),
        "the same for the same seed"
    );
}

#[test]
fn every_option_and_command_has_its_place_in_the_manual_and_the_documentation() {
    let folder = scratch("man");
    assert!(kconf(&folder, &["man", "man"]).status.success());
    let page = fs::read_to_string(folder.join("man/kconf.1")).expect("page");
    let page = page.replace('\\', "");
    let documentation =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/kconf-command.md");
    let documentation = fs::read_to_string(documentation).expect("documentation");
    let command = kconf_command::command();
    for argument in command.get_arguments() {
        if let Some(long) = argument
            .get_long()
            .filter(|l| *l != "help" && *l != "version")
        {
            let option = format!("--{long}");
            assert!(page.contains(&option), "{option} is not in kconf.1");
            assert!(
                documentation.contains(&option),
                "{option} is not documented"
            );
        }
    }
    for command in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let name = command.get_name();
        assert!(
            folder.join(format!("man/kconf-{name}.1")).exists(),
            "{name}"
        );
        assert!(
            documentation.contains(&format!("`{name}")),
            "{name} is not documented"
        );
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let folder = scratch("completions");
    for shell in ["bash", "zsh", "fish"] {
        let output = kconf(&folder, &["completions", shell]);
        assert!(text(&output.stdout).contains("olddefconfig"), "{shell}");
    }
    let output = kconf(&folder, &["completions", "cmd"]);
    assert_eq!(output.status.code(), Some(2));
}
