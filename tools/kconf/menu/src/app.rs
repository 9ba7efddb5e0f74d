//! The state of the menu: a machine that takes keys and changes, with no terminal in it.
//!
//! It holds the configuration, where in the tree the user is, and the windows that are open, the last one on
//! top. [`App::key`] says whether to go on; [`crate::render`] draws what is there. Files are written only by
//! what the user asked for.

use std::path::PathBuf;

use crossterm::event::KeyEvent;
use kconf::{Config, EntryKind, Model, SymbolId};
use ratatui::layout::Rect;

use crate::advise::Advisor;
use crate::changes;
use crate::dialog::Dialog;
use crate::history::History;
use crate::layout::{self, Screen};
use crate::options::Options;
use crate::rows::{Lister, Row};
use crate::search::Index;
use crate::tree::{NodeId, Tree};
use crate::view::{Reader, scrolled};

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw and take the next key.
    Continue,
    /// The user leaves.
    Quit,
}

/// Where in the tree the user is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub menu: Option<NodeId>,
    pub cursor: usize,
    pub top: usize,
}

/// The menu.
pub struct App<'m> {
    pub(crate) model: &'m Model,
    pub(crate) config: Config<'m>,
    pub(crate) tree: Tree<'m>,
    pub(crate) index: Index,
    pub(crate) options: Options,
    pub(crate) advisor: Box<dyn Advisor + 'm>,
    /// The open menus, the top first; never empty.
    pub(crate) places: Vec<Place>,
    pub(crate) rows: Vec<Row>,
    pub(crate) show_all: bool,
    pub(crate) dialogs: Vec<Dialog>,
    pub(crate) history: History<'m>,
    /// What happened last, shown until the next key.
    pub(crate) notice: Option<String>,
    pub(crate) area: Rect,
    /// What review compares with: the configuration at the start, or when it was last saved.
    pub(crate) baseline: Config<'m>,
    /// What the file at `options.path` holds, as far as known.
    pub(crate) on_disk: Option<String>,
    pub(crate) saved: Vec<PathBuf>,
    pub(crate) unsaved: bool,
    /// Whether the baseline already differed from what is on disk.
    pub(crate) stale: bool,
}

impl<'m> App<'m> {
    /// Starts at the top of the tree, on a screen of 80 by 24.
    pub fn new(config: Config<'m>, options: Options, advisor: Box<dyn Advisor + 'm>) -> Self {
        let model = config.model();
        let on_disk = std::fs::read_to_string(&options.path).ok();
        let mut app = Self {
            model,
            tree: Tree::new(model),
            index: Index::new(model),
            show_all: options.show_all,
            options,
            advisor,
            places: vec![Place::default()],
            rows: Vec::new(),
            dialogs: Vec::new(),
            history: History::new(model.name_count()),
            notice: None,
            area: Rect::new(0, 0, 80, 24),
            baseline: config.clone(),
            config,
            on_disk,
            saved: Vec::new(),
            unsaved: false,
            stale: false,
        };
        app.refresh();
        app.stale = app.differs_from_disk();
        app.unsaved = app.stale;
        app
    }

    /// The configuration as it is now.
    pub fn config(&self) -> &Config<'m> {
        &self.config
    }

    /// The configuration, when the menu is done.
    pub fn into_config(self) -> Config<'m> {
        self.config
    }

    /// The files that were written.
    pub fn saved(&self) -> &[PathBuf] {
        &self.saved
    }

    /// Whether the `.config` would change if it were saved now.
    pub fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// The screen has this size now.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.area = Rect::new(0, 0, width, height);
        self.follow_cursor();
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Effect {
        self.notice = None;
        match self.dialogs.pop() {
            Some(dialog) => self.dialog_key(dialog, key),
            None => self.list_key(key),
        }
    }

    /// Shows a message that must be closed.
    pub(crate) fn message(&mut self, title: &str, text: &str) {
        let lines = text.trim_end().lines().map(str::to_owned).collect();
        self.dialogs.push(Dialog::Read(Reader::new(title, lines)));
    }

    pub(crate) fn screen(&self) -> Screen {
        layout::screen(self.area)
    }

    pub(crate) fn place(&self) -> Place {
        self.places.last().copied().unwrap_or_default()
    }

    pub(crate) fn row(&self) -> Option<&Row> {
        self.rows.get(self.place().cursor)
    }

    pub(crate) fn lister(&self) -> Lister<'_, 'm> {
        Lister {
            config: &self.config,
            tree: &self.tree,
            show_all: self.show_all,
        }
    }

    /// Makes the rows anew and keeps the cursor on its entry.
    pub(crate) fn refresh(&mut self) {
        let node = self.row().map(|row| row.node);
        self.rows = self.lister().rows(self.place().menu);
        match node {
            Some(node) => {
                self.cursor_to(node);
            }
            None => self.follow_cursor(),
        }
    }

    /// Puts the cursor on an entry, if it is listed.
    pub(crate) fn cursor_to(&mut self, node: NodeId) -> bool {
        let found = self.rows.iter().position(|row| row.node == node);
        if let (Some(at), Some(place)) = (found, self.places.last_mut()) {
            place.cursor = at;
        }
        self.follow_cursor();
        found.is_some()
    }

    pub(crate) fn follow_cursor(&mut self) {
        let height = usize::from(self.screen().list.height);
        let count = self.rows.len();
        if let Some(place) = self.places.last_mut() {
            place.cursor = place.cursor.min(count.saturating_sub(1));
            place.top = scrolled(place.top, place.cursor, height);
            // No empty lines below the last row while there are rows above the first one shown.
            place.top = place.top.min(count.saturating_sub(height));
        }
    }

    pub(crate) fn set_cursor(&mut self, cursor: usize) {
        if let Some(place) = self.places.last_mut() {
            place.cursor = cursor;
        }
        self.follow_cursor();
    }

    /// Opens a menu.
    pub(crate) fn open(&mut self, node: NodeId) {
        self.places.push(Place {
            menu: Some(node),
            ..Place::default()
        });
        self.rows = self.lister().rows(Some(node));
        self.follow_cursor();
    }

    /// Closes the open menu; false at the top.
    pub(crate) fn close(&mut self) -> bool {
        if self.places.len() < 2 {
            return false;
        }
        let node = self.places.pop().and_then(|place| place.menu);
        self.rows = self.lister().rows(self.place().menu);
        if let Some(node) = node {
            self.cursor_to(node);
        }
        true
    }

    /// Goes to a symbol, wherever it is; shows what is not visible if need be. A symbol without prompt is
    /// explained instead.
    pub(crate) fn jump(&mut self, id: SymbolId) {
        let prompted = |node: &&NodeId| self.tree.node(**node).entry.text().is_some();
        let nodes: Vec<NodeId> = self
            .tree
            .definitions(id)
            .iter()
            .filter(prompted)
            .copied()
            .collect();
        let shown = |node: &&NodeId| self.config.is_shown(self.tree.node(**node).entry);
        let Some(node) = nodes.iter().find(shown).or(nodes.first()).copied() else {
            let name = self.model.get(id).name().to_owned();
            self.explain(id);
            self.notice = Some(format!("{name} has no prompt, so it is in no menu"));
            return;
        };
        let member_of = self.model.get(id).choice();
        let target = match (member_of, self.tree.node(node).parent) {
            (Some(_), Some(parent)) => parent,
            _ => node,
        };
        self.places.truncate(1);
        let menus = self.tree.menus_above(target);
        self.places.extend(menus.into_iter().map(|menu| Place {
            menu: Some(menu),
            ..Place::default()
        }));
        self.rows = self.lister().rows(self.place().menu);
        if !self.cursor_to(target) && !self.show_all {
            self.show_all = true;
            self.refresh();
            self.cursor_to(target);
            self.notice = Some("Entries that are not visible are shown now (Z)".to_owned());
        }
        self.settle_menus();
        if let Some(choice) = member_of {
            self.choose(choice, Some(id));
        }
    }

    /// Puts the cursors of the outer menus on the menus that are open.
    fn settle_menus(&mut self) {
        let menus: Vec<Option<NodeId>> = self.places.iter().map(|p| p.menu).collect();
        for at in 1..menus.len() {
            let rows = self.lister().rows(menus[at - 1]);
            let cursor = rows.iter().position(|row| Some(row.node) == menus[at]);
            self.places[at - 1].cursor = cursor.unwrap_or(0);
        }
    }

    /// Titles from the top to a menu.
    pub(crate) fn titles(&self, menus: impl Iterator<Item = NodeId>) -> Vec<String> {
        menus
            .filter_map(|menu| self.tree.node(menu).entry.text())
            .map(str::to_owned)
            .collect()
    }

    /// The menus a symbol is in, as titles.
    pub(crate) fn path_of(&self, id: SymbolId) -> Vec<String> {
        let nodes = self.tree.definitions(id);
        let prompted = nodes
            .iter()
            .find(|node| self.tree.node(**node).entry.text().is_some());
        match prompted.or(nodes.first()) {
            Some(node) => {
                let mut path = vec![self.title().to_owned()];
                path.extend(self.titles(self.tree.menus_above(*node).into_iter()));
                if let Some(parent) = self.tree.node(*node).parent
                    && let EntryKind::Choice(_) = self.tree.node(parent).entry.kind()
                {
                    path.extend(self.titles(std::iter::once(parent)));
                }
                path
            }
            None => Vec::new(),
        }
    }

    pub(crate) fn title(&self) -> &str {
        self.options
            .title
            .as_deref()
            .unwrap_or_else(|| self.model.title())
    }

    pub(crate) fn differs_from_disk(&self) -> bool {
        match &self.on_disk {
            Some(text) => changes::significant(text) != changes::significant(&self.config.write()),
            None => true,
        }
    }

    /// After any change of the configuration.
    pub(crate) fn changed(&mut self) {
        // Writing everything out to compare it would take too long for each key; leaving does it.
        self.unsaved = self.stale || changes::any(&self.baseline, &self.config);
        // A menu that is not visible any more cannot stay open.
        while let Some(menu) = self.place().menu {
            let shown = self.show_all || self.config.is_shown(self.tree.node(menu).entry);
            if shown {
                break;
            }
            self.places.pop();
        }
        self.refresh();
    }
}
