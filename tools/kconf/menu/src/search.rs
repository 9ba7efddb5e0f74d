//! Search over every symbol, also those that are not visible: by name and by the text of prompts.
//!
//! A query is a list of words that must all be found, without regard to case. Typing on narrows the previous
//! result instead of searching everything again.

use kconf::{Model, Symbol, SymbolId};

use crate::input::Line;

struct Item {
    id: SymbolId,
    name: String,
    prompts: String,
}

/// What can be found.
pub struct Index {
    items: Vec<Item>,
    prefix: String,
}

impl Index {
    /// Of all defined symbols.
    pub fn new(model: &Model) -> Self {
        let prompts = |symbol: &Symbol| {
            let list: Vec<String> = symbol
                .prompts()
                .iter()
                .map(|p| p.text.to_lowercase())
                .collect();
            list.join("\n")
        };
        Self {
            items: model
                .symbols()
                .map(|symbol| Item {
                    id: symbol.id(),
                    name: symbol.name().to_lowercase(),
                    prompts: prompts(symbol),
                })
                .collect(),
            prefix: model.prefix().to_lowercase(),
        }
    }

    fn words(&self, query: &str) -> Vec<String> {
        query
            .to_lowercase()
            .split_whitespace()
            .map(|word| {
                let bare = word.strip_prefix(&self.prefix).unwrap_or(word);
                if bare.is_empty() { word } else { bare }.to_owned()
            })
            .collect()
    }

    /// How well an item fits, 0 the best; none: not at all.
    fn rank(item: &Item, words: &[String]) -> Option<u8> {
        let mut worst = 0;
        for word in words {
            let rank = if item.name == *word {
                0
            } else if item.name.starts_with(word.as_str()) {
                1
            } else if item.name.contains(word.as_str()) {
                2
            } else if item.prompts.contains(word.as_str()) {
                3
            } else {
                return None;
            };
            worst = worst.max(rank);
        }
        Some(worst)
    }

    /// The items (by index) that fit, the best first; `among` narrows the search.
    fn find(&self, query: &str, among: Option<&[usize]>) -> Vec<usize> {
        let words = self.words(query);
        if words.is_empty() {
            return Vec::new();
        }
        let fits = |at: usize| Some((Self::rank(self.items.get(at)?, &words)?, at));
        let mut hits: Vec<(u8, usize)> = match among {
            Some(list) => list.iter().copied().filter_map(fits).collect(),
            None => (0..self.items.len()).filter_map(fits).collect(),
        };
        hits.sort_unstable();
        hits.into_iter().map(|(_, at)| at).collect()
    }
}

/// A search under way.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// What was typed.
    pub line: Line,
    query: String,
    hits: Vec<usize>,
    /// Which result is selected.
    pub cursor: usize,
    /// The first result shown.
    pub top: usize,
}

impl Search {
    /// Brings the results up to date with what was typed.
    pub fn update(&mut self, index: &Index) {
        let query = self.line.text().to_owned();
        let narrower = !self.query.trim().is_empty()
            && query.starts_with(&self.query)
            // `CONFIG_` typed on becomes a prefix that is left away, which is wider again.
            && !query.to_lowercase().contains(&index.prefix);
        let among = narrower.then(|| std::mem::take(&mut self.hits));
        self.hits = index.find(&query, among.as_deref());
        self.query = query;
        self.cursor = 0;
        self.top = 0;
    }

    /// How many results.
    pub fn len(&self) -> usize {
        self.hits.len()
    }

    /// The result at a position.
    pub fn hit(&self, index: &Index, at: usize) -> Option<SymbolId> {
        let item = index.items.get(*self.hits.get(at)?)?;
        Some(item.id)
    }
}
