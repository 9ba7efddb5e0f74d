//! The evaluated configuration, as this crate sees it: names and values, no Kconfig language.
//!
//! Names are without the `CONFIG_` prefix. [`kconf::Config`] is the real thing; tests use [`SymbolMap`].

use std::collections::BTreeMap;

/// The value of a symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// `bool`: `y` or `n`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `hex`.
    Hex(u64),
    /// `string`.
    String(String),
}

/// An evaluated configuration.
pub trait Symbols {
    /// The value of the symbol, or `None` if no such symbol exists or it is not visible and has no value.
    fn get(&self, name: &str) -> Option<Value>;

    /// All symbols that have a value, by name in ascending order; bools that are `n` included.
    fn all(&self) -> Vec<(String, Value)>;

    /// Whether the bool symbol is `y`.
    fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }

    /// The value of an `int` or `hex` symbol, if it has one that is not negative.
    fn int(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Int(value) => u64::try_from(value).ok(),
            Value::Hex(value) => Some(value),
            Value::Bool(_) | Value::String(_) => None,
        }
    }

    /// The value of a `string` symbol.
    fn string(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(value) => Some(value),
            _ => None,
        }
    }
}

/// Symbols in a map.
#[derive(Clone, Debug, Default)]
pub struct SymbolMap(pub BTreeMap<String, Value>);

impl SymbolMap {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

impl Symbols for SymbolMap {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn all(&self) -> Vec<(String, Value)> {
        self.0
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl Symbols for kconf::Config<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        convert(&self.value(name)?)
    }

    fn all(&self) -> Vec<(String, Value)> {
        let mut all: Vec<(String, Value)> = self
            .iter()
            .filter_map(|(symbol, value, _)| Some((symbol.name().to_owned(), convert(&value)?)))
            .collect();
        all.sort();
        all
    }
}

/// A symbol without type, or a number without value, has nothing to say here.
fn convert(value: &kconf::Value) -> Option<Value> {
    match value.kind {
        kconf::Kind::Bool | kconf::Kind::Tristate => Some(Value::Bool(value.is_on())),
        kconf::Kind::Int => value.as_i64().map(Value::Int),
        kconf::Kind::Hex => value.as_u64().map(Value::Hex),
        kconf::Kind::String => Some(Value::String(value.text.clone())),
        kconf::Kind::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_read_only_as_its_own_type() {
        let symbols = SymbolMap::new()
            .with("GICV3", Value::Bool(true))
            .with("NR_CPUS", Value::Int(8))
            .with("STACK_SIZE", Value::Hex(0x4000))
            .with("BELOW_ZERO", Value::Int(-1))
            .with("BOARD", Value::String("qemu-virt".into()));
        assert!(symbols.bool("GICV3") && !symbols.bool("GICV2") && !symbols.bool("NR_CPUS"));
        assert_eq!(symbols.int("NR_CPUS"), Some(8));
        assert_eq!(symbols.int("STACK_SIZE"), Some(0x4000));
        assert_eq!(symbols.int("BELOW_ZERO"), None);
        assert_eq!(symbols.string("BOARD").as_deref(), Some("qemu-virt"));
        assert_eq!(symbols.string("NR_CPUS"), None);
    }
}
