//! What differs between two `.config` files: symbol by symbol, or, where all values agree, line by line.
//!
//! Compared is everything after the header, byte for byte. The header (from `#` to the next bare `#`) names the program or
//! the date in some trees.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use cli::{Context, Result};

/// Text after the header, if it has one.
#[must_use]
pub fn body(text: &str) -> &str {
    let Some(after) = text.strip_prefix("#\n") else {
        return text;
    };
    let Some(end) = after.find("\n#\n") else {
        return text;
    };
    let header = &after[..end];
    if header.lines().all(|line| line.starts_with("# "))
        && header.contains("utomatically generated")
    {
        &after[end + 3..]
    } else {
        text
    }
}

/// `None` if nothing differs, else a report: one line a symbol, with both values and where it is defined.
#[must_use]
pub fn difference(ours: &str, theirs: &str, definitions: &Definitions) -> Option<String> {
    let (ours, theirs) = (body(ours), body(theirs));
    if ours == theirs {
        return None;
    }
    let (mine, other) = (values(ours), values(theirs));
    let mut names: Vec<&str> = mine.keys().chain(other.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut report = Vec::new();
    for name in names {
        let (a, b) = (mine.get(name), other.get(name));
        if a != b {
            let show = |value: Option<&&str>| value.map_or("(none)", |value| *value).to_owned();
            report.push(format!(
                "{name}: ours {}, theirs {}{}",
                show(a),
                show(b),
                definitions.of(name)
            ));
        }
    }
    if report.is_empty() {
        report.push("every value is the same, the text is not:".to_owned());
        report.extend(first_lines(ours, theirs));
    } else {
        let plural = if report.len() == 1 {
            "symbol differs"
        } else {
            "symbols differ"
        };
        report.insert(0, format!("{} {plural}", report.len()));
    }
    Some(report.join("\n"))
}

/// The first place where two texts part, with what stands before it.
fn first_lines(ours: &str, theirs: &str) -> Vec<String> {
    let (a, b): (Vec<_>, Vec<_>) = (ours.lines().collect(), theirs.lines().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let mut lines = Vec::new();
    for line in &a[same.saturating_sub(4)..same] {
        lines.push(format!("  {line}"));
    }
    for (sign, side) in [('+', &a), ('-', &b)] {
        for line in side.iter().skip(same).take(6) {
            lines.push(format!("{sign} {line}"));
        }
    }
    lines.push("(+ ours, - theirs)".to_owned());
    lines
}

/// What each symbol of a `.config` is; `n` for `is not set`.
#[must_use]
pub fn values(text: &str) -> BTreeMap<&str, &str> {
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line
            .strip_prefix("# CONFIG_")
            .and_then(|rest| rest.strip_suffix(" is not set"))
        {
            values.insert(name, "n");
        } else if let Some((name, value)) = line
            .strip_prefix("CONFIG_")
            .and_then(|rest| rest.split_once('='))
        {
            values.insert(name, value);
        }
    }
    values
}

/// Where the symbols of a tree are defined: of each the first place, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    places: BTreeMap<String, (String, usize)>,
}

impl Definitions {
    /// Reads every Kconfig file below `root`.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn of_tree(root: &Path) -> Result<Self> {
        let mut found = Self::default();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let mut entries: Vec<PathBuf> = std::fs::read_dir(&folder)
                .context("read", &folder)?
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect();
            entries.sort_unstable();
            for path in entries {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if name.starts_with("Kconfig") || name.starts_with("Config.") {
                    let bytes = std::fs::read(&path).context("read", &path)?;
                    let below = path.strip_prefix(root).unwrap_or(&path);
                    found.read(
                        &below.display().to_string(),
                        &String::from_utf8_lossy(&bytes),
                    );
                }
            }
        }
        Ok(found)
    }

    fn read(&mut self, file: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            if !matches!(words.next(), Some("config" | "menuconfig")) {
                continue;
            }
            if let (Some(name), None) = (words.next(), words.next()) {
                match self.places.entry(name.to_owned()) {
                    Entry::Vacant(entry) => {
                        entry.insert((format!("{file}:{}", index + 1), 1));
                    }
                    Entry::Occupied(mut entry) => entry.get_mut().1 += 1,
                }
            }
        }
    }

    fn of(&self, name: &str) -> String {
        match self.places.get(name) {
            None => String::new(),
            Some((place, 1)) => format!(" ({place})"),
            Some((place, count)) => format!(" ({place} and {} more)", count - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "#\n# Automatically generated file; DO NOT EDIT.\n# X Configuration\n#\n";

    #[test]
    fn headers_are_not_compared_and_everything_after_them_is() {
        let none = Definitions::default();
        assert_eq!(
            difference(&format!("{HEADER}CONFIG_A=y\n"), "CONFIG_A=y\n", &none),
            None
        );
        let report = difference(&format!("{HEADER}\nCONFIG_A=y\n"), "CONFIG_A=y\n", &none).unwrap();
        assert!(report.contains("every value is the same"), "{report}");
        // A menu's comment is no header.
        assert_eq!(
            body("#\n# Menu\n#\nCONFIG_A=y\n"),
            "#\n# Menu\n#\nCONFIG_A=y\n"
        );
    }

    #[test]
    fn a_symbol_that_differs_is_reported_with_both_values_and_its_place() {
        let mut definitions = Definitions::default();
        definitions.read("k/Kconfig", "\nconfig A\n\tbool\nmenuconfig A\n");
        definitions.read("Kconfig", "config B\n");
        let report = difference(
            "CONFIG_A=y\nCONFIG_S=\"a=b\"\n",
            "# CONFIG_A is not set\nCONFIG_S=\"a=b\"\nCONFIG_B=m\n",
            &definitions,
        );
        assert_eq!(
            report.unwrap(),
            "2 symbols differ\nA: ours y, theirs n (k/Kconfig:2 and 1 more)\nB: ours (none), theirs m (Kconfig:1)"
        );
    }
}
