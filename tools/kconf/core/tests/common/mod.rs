//! Generated trees and configurations: well-formed, without cycles, the same for the same seed.

use std::fmt::Write;

/// Statements that are right by themselves.
pub const LINES: [&str; 30] = [
    "config A",
    "config B",
    "config C",
    "config D",
    "menuconfig E",
    "\tbool \"x\"",
    "\ttristate \"x\" if B",
    "\tint \"i\"",
    "\tstring",
    "\tdefault y",
    "\tdefault m if A",
    "\tdefault 5",
    "\tdepends on A",
    "\tdepends on B = m",
    "\tselect C if A",
    "\timply B",
    "\trange 1 D",
    "\tmodules",
    "\thelp",
    "\t  text",
    "choice",
    "\tprompt \"c\"",
    "endchoice",
    "menu \"m\"",
    "\tvisible if A",
    "endmenu",
    "if C || !D",
    "endif",
    "comment \"c\"",
    "\tdefault A",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        // xorshift64*: enough to vary test inputs.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const KINDS: [&str; 5] = ["bool", "tristate", "int", "hex", "string"];

fn constant(random: &mut Random, kind: &str) -> &'static str {
    match kind {
        "bool" => random.pick(&["y", "n"]),
        "tristate" => random.pick(&["y", "m", "n"]),
        "int" => random.pick(&["0", "5", "-3", "99"]),
        "hex" => random.pick(&["0x0", "0X5", "ff", "0x10"]),
        _ => random.pick(&["\"\"", "\"a b\"", "\"q\\\"\\\\z\""]),
    }
}

fn condition(random: &mut Random, before: &[&str]) -> String {
    if before.is_empty() {
        return random.pick(&["y", "m", "\"a\" = \"a\""]).to_owned();
    }
    let symbol = random.below(before.len());
    match random.below(6) {
        0 => format!("!S{symbol}"),
        1 => format!("S{symbol} = {}", constant(random, before[symbol])),
        2 => format!("S{symbol} >= {}", constant(random, before[symbol])),
        3 => format!("(S{symbol} || S{})", random.below(before.len())),
        4 => format!("S{symbol} && !S{}", random.below(before.len())),
        _ => format!("S{symbol}"),
    }
}

/// A tree and a configuration for it.
///
/// Numbers have no ranges that their defaults violate: there the minimal form of the C implementation is not
/// stable either, because it compares with the default before the range.
pub fn tree(seed: u64) -> (String, String) {
    let mut random = Random(seed | 1);
    let mut kinds: Vec<&str> = Vec::new();
    let (mut text, mut config) = (
        String::from("config MODULES\n\tbool \"modules\"\n\tmodules\n\tdefault y\n"),
        String::new(),
    );
    let mut open: Vec<&str> = Vec::new();
    let total = 3 + random.below(12);
    while kinds.len() < total {
        let mut member = false;
        match random.below(10) {
            0 if open.len() < 3 => {
                let _ = write!(
                    text,
                    "menu \"m\"\n\tdepends on {}\n",
                    condition(&mut random, &kinds)
                );
                open.push("endmenu\n");
            }
            1 if open.len() < 3 => {
                let _ = writeln!(text, "if {}", condition(&mut random, &kinds));
                open.push("endif\n");
            }
            2 => text.push_str(open.pop().unwrap_or("comment \"c\"\n")),
            3 => {
                let _ = write!(
                    text,
                    "choice\n\tprompt \"p\"\n\tdepends on {}\n",
                    condition(&mut random, &kinds)
                );
                member = true;
            }
            _ => {}
        }
        let before = kinds.clone();
        for _ in 0..if member { 1 + random.below(3) } else { 1 } {
            let kind = if member { "bool" } else { random.pick(&KINDS) };
            let index = kinds.len();
            let _ = writeln!(text, "config S{index}");
            let prompted = member || random.below(3) > 0;
            let prompt = if prompted { " \"p\"" } else { "" };
            let _ = writeln!(text, "\t{kind}{prompt}");
            if !member && random.below(2) == 0 {
                let _ = writeln!(
                    text,
                    "\tdefault {} if {}",
                    constant(&mut random, kind),
                    condition(&mut random, &before)
                );
            }
            if random.below(3) == 0 {
                let _ = writeln!(text, "\tdepends on {}", condition(&mut random, &before));
            }
            if !member && matches!(kind, "bool" | "tristate") && random.below(3) == 0 {
                let word = random.pick(&["select", "imply"]);
                let _ = writeln!(text, "\t{word} LATER{}", random.below(3));
            }
            if random.below(2) == 0 {
                let _ = writeln!(config, "CONFIG_S{index}={}", constant(&mut random, kind));
            }
            kinds.push(kind);
        }
        if member {
            text.push_str("endchoice\n");
        }
    }
    while let Some(end) = open.pop() {
        text.push_str(end);
    }
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
