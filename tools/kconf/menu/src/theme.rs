//! Colours and characters. The theme without colours uses reverse, bold and underlining alone, and says nothing by
//! colour that is not in the text, too.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// How things look.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Only ASCII characters are drawn.
    pub ascii: bool,
    /// Ordinary text.
    pub text: Style,
    /// Titles.
    pub title: Style,
    /// Frames.
    pub frame: Style,
    /// The selected row.
    pub selected: Style,
    /// Marks and values.
    pub mark: Style,
    /// What cannot be set now.
    pub dim: Style,
    /// Comments, headings.
    pub heading: Style,
    /// What is wrong.
    pub error: Style,
    /// What just happened.
    pub notice: Style,
    /// Names of keys.
    pub key: Style,
}

impl Theme {
    /// With or without colours, with or without line characters.
    pub fn new(colour: bool, ascii: bool) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        let mono = Self {
            ascii,
            text: plain,
            title: bold,
            frame: plain,
            selected: reversed,
            mark: bold,
            dim: plain,
            heading: bold,
            error: reversed,
            notice: bold,
            key: reversed,
        };
        if !colour {
            return mono;
        }
        // Only the first eight colours, on the terminal's own background: they can be read on dark and light.
        Self {
            title: bold.fg(Color::Cyan),
            frame: plain.fg(Color::Blue),
            mark: bold.fg(Color::Green),
            dim: plain.add_modifier(Modifier::DIM),
            heading: bold.fg(Color::Magenta),
            error: bold.fg(Color::Red),
            notice: plain.fg(Color::Green),
            ..mono
        }
    }

    /// The characters of frames.
    pub fn border(&self) -> border::Set<'static> {
        if self.ascii {
            border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            }
        } else {
            border::PLAIN
        }
    }
}
