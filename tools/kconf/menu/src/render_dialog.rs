//! Drawing the windows over the list.

use kconf::{Symbol, Tri};
use ratatui::layout::{Position, Rect};

use crate::dialog::{Advice, Choose, Dialog, Edit, advice_lines, columns, rows};
use crate::facts;
use crate::file_dialog::{FileDialog, Leaving, Purpose};
use crate::input::Line;
use crate::layout::{self, Window};
use crate::render::Pen;
use crate::search::Search;
use crate::text;
use crate::view::Reader;

impl Pen<'_, '_, '_> {
    pub(crate) fn dialog(&mut self, dialog: &Dialog) {
        match dialog {
            Dialog::Read(reader) => {
                let window = self.app.reader_window(reader);
                self.window(window.frame, &reader.title);
                self.reader(reader, window);
                self.key_line(
                    window.foot,
                    &[("Esc", "Back"), ("PgDn", "Next"), ("PgUp", "Previous")],
                );
            }
            Dialog::Edit(edit) => self.edit(edit),
            Dialog::Choose(choose) => self.choose(choose),
            Dialog::Search(search) => self.search(search),
            Dialog::File(file) => self.file(file),
            Dialog::Leave(leaving) => self.leave(leaving),
            Dialog::Advice(advice) => self.advice(advice),
        }
        if matches!(dialog, Dialog::Read(_))
            && let Some(notice) = &self.app.notice
        {
            self.line(self.app.screen().status, notice, self.theme.notice);
        }
    }

    /// The line number `at` of an area; of no height when it is outside.
    fn nth(area: Rect, at: usize) -> Rect {
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        if at < area.height {
            Rect::new(area.x, area.y + at, area.width, 1)
        } else {
            Rect::new(area.x, area.y, area.width, 0)
        }
    }

    fn reader(&mut self, reader: &Reader, window: Window) {
        let area = window.body;
        let lines = reader.wrapped(columns(area));
        let last = lines.len().saturating_sub(rows(area));
        let top = reader.scroll.min(last);
        for (at, line) in lines.iter().skip(top).take(rows(area)).enumerate() {
            self.line(Self::nth(area, at), line, self.theme.text);
        }
        if top < last {
            let frame = window.frame;
            let mark = Rect {
                x: frame.right().saturating_sub(9),
                y: frame.bottom().saturating_sub(1),
                width: 7,
                height: 1,
            };
            if frame.height >= 3 && frame.width >= 10 {
                self.line(mark, " more v", self.theme.mark);
            }
        }
    }

    /// A field with what was typed, and the cursor in it.
    fn field(&mut self, label: &str, line: &Line, area: Rect) {
        if area.height == 0 {
            return;
        }
        let label_width = u16::try_from(text::width(label))
            .unwrap_or(0)
            .min(area.width);
        self.line(
            Rect {
                width: label_width,
                ..area
            },
            label,
            self.theme.heading,
        );
        let field = Rect {
            x: area.x + label_width,
            width: area.width - label_width,
            ..area
        };
        let (shown, cursor) = line.view(usize::from(field.width).saturating_sub(1));
        self.line(field, &shown, self.theme.text);
        let x = field.x + u16::try_from(cursor).unwrap_or(0);
        self.frame.set_cursor_position(Position::new(x, field.y));
    }

    fn edit(&mut self, edit: &Edit) {
        let app = self.app;
        let symbol = app.model.get(edit.symbol);
        let window = layout::window(app.area, 4, 1);
        self.window(window.frame, symbol.prompt().unwrap_or(symbol.name()));
        let range = facts::range_text(&app.config, symbol)
            .map(|range| format!(", {range}"))
            .unwrap_or_default();
        let what = format!(
            "{}{}: {}{range}, now {}",
            app.model.prefix(),
            symbol.name(),
            symbol.kind(),
            app.config.value_of(symbol)
        );
        let small = window.head.height < 4;
        if !small {
            self.line(window.head, &what, self.theme.text);
        }
        self.field(
            "Value: ",
            &edit.line,
            Self::nth(window.head, if small { 0 } else { 2 }),
        );
        if let Some(error) = &edit.error {
            let at = Self::nth(window.head, if small { 1 } else { 3 });
            self.line(at, error, self.theme.error);
        }
        self.key_line(
            window.foot,
            &[("Enter", "Set"), ("Esc", "Cancel"), ("F1", "Help")],
        );
    }

    fn choose(&mut self, choose: &Choose) {
        let app = self.app;
        let window = app.choose_window(choose.members.len());
        let title = app.model.choice(choose.choice).prompt().unwrap_or("Choice");
        self.window(window.frame, title);
        let shown = choose.members.iter().enumerate().skip(choose.top);
        for (line, (at, id)) in shown.take(rows(window.body)).enumerate() {
            let symbol = app.model.get(*id);
            let mark = match facts::tri(&app.config, symbol) {
                Tri::Y => "(X)",
                _ => "( )",
            };
            let hidden = app.config.visibility(symbol) == Tri::N;
            let tail = if hidden { " (hidden)" } else { "" };
            let text = format!("{mark} {}{tail}", symbol.prompt().unwrap_or(symbol.name()));
            let style = match (at == choose.cursor, hidden) {
                (true, _) => self.theme.selected,
                (false, true) => self.theme.dim,
                (false, false) => self.theme.text,
            };
            self.line(Self::nth(window.body, line), &text, style);
        }
        if choose.members.is_empty() {
            self.line(
                window.body,
                "No member is visible. Z shows all.",
                self.theme.dim,
            );
        }
        let keys = [
            ("Enter", "Choose"),
            ("?", "Help"),
            ("Z", "All"),
            ("Esc", "Back"),
        ];
        self.key_line(window.foot, &keys);
    }

    fn search(&mut self, search: &Search) {
        let app = self.app;
        let window = app.search_window();
        let (list, details) = app.search_parts();
        self.window(window.frame, "Search every symbol by name or prompt");
        self.field("/ ", &search.line, Self::nth(window.head, 0));
        let count = match (search.line.text().trim().is_empty(), search.len()) {
            (true, _) => "Type words that the name or the prompt contains.".to_owned(),
            (false, 0) => "Nothing found.".to_owned(),
            (false, 1) => "1 symbol".to_owned(),
            (false, count) => format!("{count} symbols"),
        };
        self.line(Self::nth(window.head, 1), &count, self.theme.dim);
        for line in 0..rows(list) {
            let at = search.top + line;
            let Some(id) = search.hit(&app.index, at) else {
                break;
            };
            let symbol = app.model.get(id);
            let hidden = match (symbol.prompts().is_empty(), app.config.visibility(symbol)) {
                (true, _) => " (no prompt)",
                (false, Tri::N) => " (hidden)",
                _ => "",
            };
            let text = format!(
                "{} [={}]{hidden} {}",
                symbol.name(),
                app.config.value_of(symbol),
                symbol.prompt().unwrap_or("")
            );
            let style = match (at == search.cursor, hidden.is_empty()) {
                (true, _) => self.theme.selected,
                (false, false) => self.theme.dim,
                (false, true) => self.theme.text,
            };
            self.line(Self::nth(list, line), &text, style);
        }
        if let Some(id) = search.hit(&app.index, search.cursor) {
            let lines = self.details(app.model.get(id), columns(details));
            for (at, line) in lines.iter().take(rows(details)).enumerate() {
                self.line(Self::nth(details, at), line, self.theme.heading);
            }
        }
        let keys = [("Enter", "Go there"), ("F1", "Help"), ("Esc", "Back")];
        self.key_line(window.foot, &keys);
    }

    /// Where a symbol is, and what to switch on to see it.
    fn details(&self, symbol: &Symbol, columns: usize) -> Vec<String> {
        let app = self.app;
        let mut lines = Vec::new();
        let path = app.path_of(symbol.id());
        if path.len() > 1 {
            lines.push(text::clip_start(
                &format!("In: {}", path[1..].join(" > ")),
                columns,
            ));
        }
        if symbol.prompts().is_empty() {
            let origin = facts::origin(&app.config, symbol);
            let origin = origin.unwrap_or_else(|| "nothing".to_owned());
            lines.push(format!("It has no prompt; its value comes from: {origin}"));
        }
        let needs = facts::requirements(&app.config, symbol);
        if !needs.is_empty() {
            lines.push("Hidden. First switch on:".to_owned());
            for need in needs {
                lines.extend(text::wrap(&format!("  {need}"), columns));
            }
        }
        lines
    }

    fn file(&mut self, file: &FileDialog) {
        let window = self.app.file_window(file);
        let (title, review, key) = match file.purpose {
            Purpose::Save => ("Save the configuration", "What changes:", "Save"),
            Purpose::Minimal => (
                "Save the minimal configuration",
                "What will be in it:",
                "Save",
            ),
            Purpose::Load => ("Load a configuration", "", "Load"),
        };
        self.window(window.frame, title);
        self.field("File: ", &file.line, Self::nth(window.head, 0));
        if let Some(error) = &file.error {
            let lines = text::wrap(error, columns(window.head));
            for (at, line) in lines.iter().take(2).enumerate() {
                self.line(Self::nth(window.head, 1 + at), line, self.theme.error);
            }
        }
        self.line(Self::nth(window.head, 3), review, self.theme.heading);
        self.reader(&file.review, window);
        self.key_line(
            window.foot,
            &[("Enter", key), ("Esc", "Cancel"), ("PgDn", "More")],
        );
    }

    fn leave(&mut self, leaving: &Leaving) {
        let window = self.app.leave_window(leaving);
        self.window(window.frame, "Leave");
        let path = self.app.options.path.display();
        let question = format!("Save to {path} before leaving?");
        self.line(window.head, &question, self.theme.heading);
        self.reader(&leaving.review, window);
        let keys = [
            ("y", "Save"),
            ("n", "Discard"),
            ("Esc", "Stay"),
            ("PgDn", "More"),
        ];
        self.key_line(window.foot, &keys);
    }

    fn advice(&mut self, advice: &Advice) {
        let app = self.app;
        let window = app.advice_window(advice);
        self.window(window.frame, &advice.title);
        let mut head: Vec<String> = advice
            .why
            .iter()
            .flat_map(|line| text::wrap(line, columns(window.head)))
            .collect();
        head.truncate(rows(window.head).saturating_sub(2));
        head.push(String::new());
        head.push(match (advice.sets.len(), advice.complete) {
            (1, true) => "One smallest set of changes makes it possible:".to_owned(),
            (1, false) => "This makes it possible; there may be others of that size:".to_owned(),
            (n, true) => format!("{n} smallest sets of changes make it possible:"),
            (n, false) => format!("{n} smallest sets of changes, there may be more:"),
        });
        for (at, line) in head.iter().enumerate() {
            let last = at + 1 == head.len();
            let style = if last {
                self.theme.heading
            } else {
                self.theme.text
            };
            self.line(Self::nth(window.head, at), line, style);
        }
        let lines = advice_lines(advice, app.model.prefix(), columns(window.body));
        let shown = lines.iter().skip(advice.top).take(rows(window.body));
        for (at, (set, line)) in shown.enumerate() {
            let style = match *set == advice.cursor {
                true => self.theme.selected,
                false => self.theme.text,
            };
            self.line(Self::nth(window.body, at), line, style);
        }
        let keys = [
            ("Enter", "Apply"),
            ("Up Down", "Select"),
            ("?", "Help"),
            ("Esc", "Cancel"),
        ];
        self.key_line(window.foot, &keys);
    }
}
