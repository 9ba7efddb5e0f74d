//! Generated trees for the solver: denser than those for the evaluator, with choices that have defaults, ranges
//! between symbols, comparisons of symbols, `select` and `imply` of anything defined later.

use std::fmt::Write;
use std::path::Path;

use kconf::{Env, Model};

pub fn load(text: &str) -> Model {
    Model::load_str(Path::new("Kconfig"), text, &Env::default())
        .unwrap_or_else(|e| panic!("{e}\n{text}"))
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        // xorshift64*: enough to vary test inputs.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }

    pub fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const KINDS: [&str; 7] = [
    "bool", "bool", "tristate", "tristate", "int", "hex", "string",
];

pub fn constant(random: &mut Random, kind: &str) -> &'static str {
    match kind {
        "bool" => random.pick(&["y", "n"]),
        "tristate" => random.pick(&["y", "m", "n"]),
        "int" => random.pick(&["0", "5", "-3", "99", "6"]),
        "hex" => random.pick(&["0x0", "0X5", "ff", "0x10"]),
        _ => random.pick(&["\"\"", "\"a b\"", "\"7\"", "\"y\""]),
    }
}

fn condition(random: &mut Random, before: &[&str]) -> String {
    if before.is_empty() {
        return random.pick(&["y", "m", "\"a\" = \"a\"", "n"]).to_owned();
    }
    let a = random.below(before.len());
    let b = random.below(before.len());
    let kind = before[a];
    match random.below(9) {
        0 => format!("!S{a}"),
        1 => format!("S{a} = {}", constant(random, kind)),
        2 => format!(
            "S{a} {} {}",
            random.pick(&["<", ">=", "!="]),
            constant(random, kind)
        ),
        3 => format!("(S{a} || S{b})"),
        4 => format!("S{a} && !S{b}"),
        5 => format!("S{a} {} S{b}", random.pick(&["=", "!=", "<", ">="])),
        6 => format!("!(S{a} && (S{b} || m))"),
        _ => format!("S{a}"),
    }
}

/// A tree and a configuration for it.
pub fn tree(seed: u64) -> (String, String) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut kinds: Vec<&str> = Vec::new();
    let (mut text, mut config) = (String::new(), String::new());
    if random.below(5) > 0 {
        let default = random.pick(&["\tdefault y\n", ""]);
        let _ = write!(
            text,
            "config MODULES\n\tbool \"modules\"\n\tmodules\n{default}"
        );
        config.push_str(random.pick(&["CONFIG_MODULES=y\n", "# CONFIG_MODULES is not set\n", ""]));
    }
    let total = 2 + random.below(9);
    let mut open = 0;
    while kinds.len() < total {
        let choice = random.below(5) == 0;
        if random.below(6) == 0 {
            let _ = writeln!(text, "if {}", condition(&mut random, &kinds));
            open += 1;
        }
        let first = kinds.len();
        let members = if choice { 1 + random.below(3) } else { 1 };
        if choice {
            let _ = writeln!(
                text,
                "choice\n\tprompt \"c\" if {}",
                condition(&mut random, &kinds)
            );
            if random.below(2) == 0 {
                let _ = writeln!(text, "\tdepends on {}", condition(&mut random, &kinds));
            }
            for _ in 0..random.below(3) {
                let member = first + random.below(members);
                let _ = writeln!(
                    text,
                    "\tdefault S{member} if {}",
                    condition(&mut random, &kinds)
                );
            }
        }
        let before = kinds.clone();
        for _ in 0..members {
            let kind = if choice { "bool" } else { random.pick(&KINDS) };
            entry(&mut random, &mut text, &before, kinds.len(), kind, choice);
            if random.below(2) == 0 {
                let _ = writeln!(
                    config,
                    "CONFIG_S{}={}",
                    kinds.len(),
                    constant(&mut random, kind)
                );
            }
            kinds.push(kind);
        }
        if choice {
            text.push_str("endchoice\n");
        }
        if open > 0 && random.below(2) == 0 {
            text.push_str("endif\n");
            open -= 1;
        }
    }
    text.push_str(&"endif\n".repeat(open));
    for (index, kind) in ["bool", "tristate", "tristate"].iter().enumerate() {
        let _ = write!(
            text,
            "config LATER{index}\n\t{kind} \"l\"\n\tdepends on {}\n",
            condition(&mut random, &kinds)
        );
        let _ = writeln!(
            config,
            "CONFIG_LATER{index}={}",
            constant(&mut random, kind)
        );
    }
    (text, config)
}

fn entry(
    random: &mut Random,
    text: &mut String,
    before: &[&str],
    index: usize,
    kind: &str,
    member: bool,
) {
    let prompt = match random.below(4) {
        0 if !member => String::new(),
        1 => format!(" \"p\" if {}", condition(random, before)),
        _ => " \"p\"".to_owned(),
    };
    let _ = writeln!(text, "config S{index}\n\t{kind}{prompt}");
    if !member {
        for _ in 0..random.below(3) {
            let same = before.iter().position(|k| *k == kind);
            let value = match same {
                Some(other) if random.below(3) == 0 => format!("S{other}"),
                _ => constant(random, kind).to_owned(),
            };
            let _ = writeln!(text, "\tdefault {value} if {}", condition(random, before));
        }
    }
    if random.below(3) == 0 {
        let _ = writeln!(text, "\tdepends on {}", condition(random, before));
    }
    if kind == "int" && random.below(2) == 0 {
        let high = before.iter().position(|k| *k == "int");
        let high = high.map_or("50".to_owned(), |id| format!("S{id}"));
        let _ = writeln!(text, "\trange 3 {high} if {}", condition(random, before));
        let _ = writeln!(text, "\trange -5 60");
    }
    if kind == "hex" && random.below(2) == 0 {
        let _ = writeln!(text, "\trange 0x8 0x20 if {}", condition(random, before));
    }
    if matches!(kind, "bool" | "tristate") && random.below(3) == 0 {
        let word = random.pick(&["select", "imply"]);
        let _ = writeln!(
            text,
            "\t{word} LATER{} if {}",
            random.below(3),
            condition(random, before)
        );
    }
}
