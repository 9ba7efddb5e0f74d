//! Drawing: the screen that belongs to a state, on any size of terminal.
//!
//! Nothing is kept between two drawings, and nothing is decided here that a key would have to know.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::app::App;
use crate::rows::{Row, RowKind};
use crate::text;
use crate::theme::Theme;

/// The keys in the last line, the most important first.
const KEYS: &[(&str, &str)] = &[
    ("F1", "Help"),
    ("F3", "Keys"),
    ("F4", "All"),
    ("F5", "Back"),
    ("F6", "Save"),
    ("F7", "Load"),
    ("F8", "Search"),
    ("F9", "Leave"),
    ("u", "Undo"),
    ("R", "Review"),
];

/// Draws the menu.
pub fn render(app: &App<'_>, theme: &Theme, frame: &mut Frame<'_>) {
    let mut pen = Pen { app, theme, frame };
    pen.list();
    for dialog in &app.dialogs {
        pen.dialog(dialog);
    }
    if theme.ascii {
        let buffer = frame.buffer_mut();
        for cell in &mut buffer.content {
            if !cell.symbol().is_ascii() {
                cell.set_symbol("?");
            }
        }
    }
}

/// What is drawn, how, and where to.
pub(crate) struct Pen<'a, 'f, 'm> {
    pub app: &'a App<'m>,
    pub theme: &'a Theme,
    pub frame: &'a mut Frame<'f>,
}

impl Pen<'_, '_, '_> {
    /// One line of text, cut to fit.
    pub fn line(&mut self, area: Rect, content: &str, style: Style) {
        if area.height > 0 {
            let content = text::clip(&text::plain(content), usize::from(area.width));
            let area = Rect { height: 1, ..area };
            self.frame
                .render_widget(Paragraph::new(content).style(style), area);
        }
    }

    /// A frame with a title, what was below it erased.
    pub fn window(&mut self, area: Rect, title: &str) {
        self.frame.render_widget(Clear, area);
        if area.height < 3 || area.width < 6 {
            return;
        }
        let room = usize::from(area.width).saturating_sub(6);
        let title = match title {
            "" => String::new(),
            title => format!(" {} ", text::clip(&text::plain(title), room)),
        };
        let block = Block::bordered()
            .border_set(self.theme.border())
            .border_style(self.theme.frame)
            .title(Span::styled(title, self.theme.title));
        self.frame.render_widget(block, area);
    }

    fn list(&mut self) {
        let app = self.app;
        let theme = self.theme;
        let screen = app.screen();
        let state = match (app.unsaved, app.show_all) {
            (true, true) => " [all] [modified]",
            (true, false) => " [modified]",
            (false, true) => " [all]",
            (false, false) => "",
        };
        let room = usize::from(screen.title.width).saturating_sub(state.len());
        let title = text::clip(&text::plain(app.title()), room);
        let gap = room - text::width(&title);
        self.line(
            screen.title,
            &format!("{title}{}{state}", " ".repeat(gap)),
            theme.title,
        );
        let mut path = app.titles(app.places.iter().filter_map(|place| place.menu));
        path.insert(0, "Top".to_owned());
        let path = text::clip_start(&path.join(" > "), usize::from(screen.path.width));
        self.line(screen.path, &path, theme.heading);
        if screen.frame != screen.list {
            self.window(screen.frame, "");
        }
        let place = app.place();
        let height = usize::from(screen.list.height);
        for (line, row) in app.rows.iter().skip(place.top).take(height).enumerate() {
            let selected = place.top + line == place.cursor;
            let area = Rect {
                y: screen.list.y + u16::try_from(line).unwrap_or(0),
                height: 1,
                ..screen.list
            };
            self.row(area, row, selected);
        }
        if app.rows.is_empty() {
            self.line(
                screen.list,
                "Nothing is visible here. Z shows everything.",
                theme.dim,
            );
        }
        self.more(place.top, app.rows.len());
        self.status();
        self.keys();
    }

    /// Marks on the frame when there are rows above or below.
    fn more(&mut self, top: usize, count: usize) {
        let screen = self.app.screen();
        if screen.frame == screen.list {
            return;
        }
        let mark = |y: u16| Rect::new(screen.frame.right().saturating_sub(9), y, 7, 1);
        if top > 0 {
            self.line(mark(screen.frame.y), " more ^", self.theme.mark);
        }
        if top + usize::from(screen.list.height) < count {
            self.line(mark(screen.frame.bottom() - 1), " more v", self.theme.mark);
        }
    }

    fn row(&mut self, area: Rect, row: &Row, selected: bool) {
        let theme = self.theme;
        let columns = usize::from(area.width);
        let mut tail = String::new();
        if let Some(full) = row.arrow {
            tail.push_str(if full { "  --->" } else { "  ----" });
        }
        if row.new {
            tail.push_str(" (NEW)");
        }
        if row.hidden {
            tail.push_str(" (hidden)");
        }
        let indent = " ".repeat((row.indent * 2).min(columns / 3));
        let (mark, title) = match row.kind {
            RowKind::Comment => (String::new(), format!("*** {} ***", row.text)),
            RowKind::Menu => ("   ".to_owned(), row.text.clone()),
            RowKind::Choice(_) => ("   ".to_owned(), format!("{} {}", row.text, row.mark)),
            RowKind::Symbol(_) => (row.mark.clone(), row.text.clone()),
        };
        // A long value leaves room for its prompt.
        let mark = text::clip(&text::plain(&mark), (columns / 2).max(4));
        let space = if mark.is_empty() { "" } else { " " };
        let used = text::width(&indent) + text::width(&mark) + space.len() + tail.len();
        let title = text::clip(&text::plain(&title), columns.saturating_sub(used));
        let base = match (selected, row.kind) {
            (true, _) => theme.selected,
            (false, _) if row.hidden => theme.dim,
            (false, RowKind::Comment) => theme.heading,
            _ => theme.text,
        };
        let mark_style = if selected || row.hidden {
            base
        } else {
            theme.mark
        };
        let line = Line::from(vec![
            Span::styled(indent, base),
            Span::styled(mark, mark_style),
            Span::styled(format!("{space}{title}{tail}"), base),
        ]);
        let widget = Paragraph::new(line).style(if selected { base } else { theme.text });
        self.frame.render_widget(widget, area);
    }

    fn status(&mut self) {
        let app = self.app;
        let area = app.screen().status;
        if let Some(notice) = &app.notice {
            return self.line(area, notice, self.theme.notice);
        }
        let text = match app.row().map(|row| (row.kind, row.node)) {
            Some((RowKind::Symbol(id), _)) => {
                let symbol = app.model.get(id);
                format!(
                    "{}{}={}  {}",
                    app.model.prefix(),
                    symbol.name(),
                    app.config.value_of(symbol),
                    symbol.kind()
                )
            }
            Some((RowKind::Choice(_), _)) => "choice: Enter shows its members".to_owned(),
            _ => String::new(),
        };
        self.line(area, &text, self.theme.text);
    }

    fn keys(&mut self) {
        let area = self.app.screen().keys;
        self.key_line(area, KEYS);
    }

    /// Keys with what they do, as many as fit.
    pub fn key_line(&mut self, area: Rect, keys: &[(&str, &str)]) {
        if area.height == 0 {
            return;
        }
        let mut spans = Vec::new();
        let mut used = 0;
        for (key, meaning) in keys {
            let gap = if used > 0 { " " } else { "" };
            let wide = gap.len() + key.len() + 1 + meaning.len();
            if used + wide > usize::from(area.width) {
                break;
            }
            used += wide;
            spans.push(Span::raw(gap));
            spans.push(Span::styled((*key).to_owned(), self.theme.key));
            spans.push(Span::styled(format!(" {meaning}"), self.theme.text));
        }
        self.frame
            .render_widget(Paragraph::new(Line::from(spans)), area);
    }
}
