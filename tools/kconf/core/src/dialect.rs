//! The two dialects: what current Linux accepts, and what older trees use.
//!
//! Linux dropped some of its language in 2018 to 2022, and the trees that copied it before (busybox, U-Boot, NuttX,
//! barebox) kept it. In the Linux dialect each such word is an error that names the other dialect.

/// Which language a tree is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Current Linux.
    #[default]
    Linux,
    /// What older trees use beside it: `option`, `optional`, a choice that is `tristate` or has a name, `source` without
    /// quotes or with `*`, `---help---`, `$NAME` in texts.
    Classic,
    /// The classic language; a `.config` has every symbol, those that cannot be set too, as busybox's tools write it.
    Busybox,
}

impl Dialect {
    /// Whether the language is that of older trees.
    pub fn is_classic(self) -> bool {
        self != Dialect::Linux
    }

    /// The name on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Linux => "linux",
            Dialect::Classic => "classic",
            Dialect::Busybox => "busybox",
        }
    }

    /// `text` as it stands in a `.config`. Older trees leave backslashes alone.
    pub fn quote(self, text: &str) -> String {
        match self {
            Dialect::Linux => crate::value::quote(text),
            Dialect::Classic | Dialect::Busybox => format!("\"{}\"", text.replace('"', "\\\"")),
        }
    }

    /// The text in quotes at the start of `value`, and what follows; none if there is none.
    pub(crate) fn unquote(self, value: &str) -> Option<(String, &str)> {
        let body = value.strip_prefix('"')?;
        let mut text = String::new();
        let mut chars = body.char_indices().peekable();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => return Some((text, &body[index + 1..])),
                '\\' if self == Dialect::Linux || chars.peek().is_some_and(|(_, c)| *c == '"') => {
                    text.extend(chars.next().map(|(_, c)| c));
                }
                c => text.push(c),
            }
        }
        None
    }

    /// The dialect of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Dialect::Linux, Dialect::Classic, Dialect::Busybox]
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }
}

/// What `option …` and `optional` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classic {
    /// `option env="NAME"`: the value is that of a variable of the environment.
    Env(String),
    /// `option defconfig_list`: the defaults name configurations to start from.
    DefconfigList,
    /// `option allnoconfig_y`: on even if everything is to be off.
    AllNoConfigY,
    /// `optional`: no member of the choice need be on.
    Optional,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_lose_one_level_of_quoting() {
        assert_eq!(
            Dialect::Linux.unquote(r#""a\"b\\c""#),
            Some((r#"a"b\c"#.to_owned(), ""))
        );
        assert_eq!(
            Dialect::Linux.unquote(r#""a" b"#),
            Some(("a".to_owned(), " b"))
        );
        assert_eq!(Dialect::Linux.unquote(r#""a\""#), None);
        assert_eq!(Dialect::Linux.unquote("a"), None);
    }

    #[test]
    fn older_trees_leave_backslashes_alone() {
        let text = r#"a\n\\b"c"#.replace("\\\\", "\\");
        let quoted = Dialect::Classic.quote(&text);
        assert_eq!(quoted, format!("\"{}\"", text.replace('"', "\\\"")));
        assert_eq!(Dialect::Classic.unquote(&quoted), Some((text, "")));
    }
}
