//! What the caller decides, and what the surroundings suggest where it does not.

use std::path::PathBuf;

use kconf::Link;

/// How the menu starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The `.config` that is saved.
    pub path: PathBuf,
    /// Where the minimal configuration goes unless the user says otherwise.
    pub minimal_path: PathBuf,
    /// What stands at the top; none: the tree's `mainmenu`.
    pub title: Option<String>,
    /// Colours; none: as `NO_COLOR` and `TERM` say.
    pub colour: Option<bool>,
    /// Only ASCII characters; none: as the locale says.
    pub ascii: Option<bool>,
    /// The mouse; none: off.
    pub mouse: Option<bool>,
    /// Whether entries that are not visible are listed from the start.
    pub show_all: bool,
    /// What becomes of a link in the place of a file that is saved.
    pub link: Link,
}

impl Options {
    /// Everything as usual, for this `.config`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            minimal_path: PathBuf::from("defconfig"),
            ..Self::default()
        }
    }

    /// Whether to use colours, given a way to look up variables of the environment.
    pub fn wants_colour(&self, variable: &dyn Fn(&str) -> Option<String>) -> bool {
        self.colour.unwrap_or_else(|| {
            let forbidden = variable("NO_COLOR").is_some_and(|v| !v.is_empty());
            let term = variable("TERM").unwrap_or_default();
            let mono = ["vt1", "vt2", "vt3", "vt52", "dumb", "unknown"]
                .iter()
                .any(|prefix| term.starts_with(prefix))
                || term.ends_with("-m")
                || term.ends_with("-mono");
            !forbidden && !mono && !term.is_empty()
        })
    }

    /// Whether to draw with ASCII characters alone.
    pub fn wants_ascii(&self, variable: &dyn Fn(&str) -> Option<String>) -> bool {
        self.ascii.unwrap_or_else(|| {
            let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
                .iter()
                .find_map(|name| variable(name).filter(|v| !v.is_empty()))
                .unwrap_or_default()
                .to_lowercase();
            let term = variable("TERM").unwrap_or_default();
            let unicode = locale.contains("utf-8") || locale.contains("utf8");
            !unicode || term.starts_with("vt")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn colours_follow_no_color_and_the_terminal() {
        let options = Options::new(".config");
        assert!(options.wants_colour(&environment(&[("TERM", "xterm-256color")])));
        assert!(!options.wants_colour(&environment(&[("TERM", "xterm"), ("NO_COLOR", "1")])));
        assert!(options.wants_colour(&environment(&[("TERM", "xterm"), ("NO_COLOR", "")])));
        assert!(!options.wants_colour(&environment(&[("TERM", "vt220")])));
        assert!(!options.wants_colour(&environment(&[("TERM", "xterm-mono")])));
        assert!(!options.wants_colour(&environment(&[])));
        let forced = Options {
            colour: Some(true),
            ..options
        };
        assert!(forced.wants_colour(&environment(&[("NO_COLOR", "1")])));
    }

    #[test]
    fn only_a_unicode_locale_draws_lines() {
        let options = Options::new(".config");
        assert!(!options.wants_ascii(&environment(&[("LANG", "C.UTF-8")])));
        assert!(options.wants_ascii(&environment(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")])));
        assert!(options.wants_ascii(&environment(&[])));
        assert!(options.wants_ascii(&environment(&[("LANG", "C.UTF-8"), ("TERM", "vt100")])));
    }
}
