//! Values: the three states, the five types, and a value with its type as callers see it.
//!
//! Numbers are kept as the text they were written as (`0x10` and `0X010` differ in the output), and parsed when
//! asked for.

use std::fmt;

/// A tristate: off, module, on. The order is that of the language: `&&` is the minimum, `||` the maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tri {
    /// Off.
    #[default]
    N,
    /// Built as a module.
    M,
    /// On.
    Y,
}

impl Tri {
    /// `2 - self`.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Tri::N => Tri::Y,
            Tri::M => Tri::M,
            Tri::Y => Tri::N,
        }
    }

    /// `n`, `m` or `y`.
    pub fn as_str(self) -> &'static str {
        match self {
            Tri::N => "n",
            Tri::M => "m",
            Tri::Y => "y",
        }
    }

    /// The tristate that `text` spells exactly.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "n" => Some(Tri::N),
            "m" => Some(Tri::M),
            "y" => Some(Tri::Y),
            _ => None,
        }
    }
}

impl fmt::Display for Tri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The type of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Mentioned but not defined, or defined without a type.
    #[default]
    Unknown,
    /// `n` or `y`.
    Bool,
    /// `n`, `m` or `y`.
    Tristate,
    /// A decimal number.
    Int,
    /// A hexadecimal number.
    Hex,
    /// Text.
    String,
}

impl Kind {
    /// The key word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Unknown => "unknown",
            Kind::Bool => "bool",
            Kind::Tristate => "tristate",
            Kind::Int => "int",
            Kind::Hex => "hex",
            Kind::String => "string",
        }
    }

    /// Whether values are `n`, `m`, `y`.
    pub fn is_logic(self) -> bool {
        matches!(self, Kind::Bool | Kind::Tristate)
    }

    /// Whether values are numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Hex)
    }

    /// Whether `text` is well formed for this type.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Kind::Unknown => false,
            Kind::Bool => matches!(text, "n" | "y"),
            Kind::Tristate => matches!(text, "n" | "m" | "y"),
            Kind::String => true,
            Kind::Int => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                !digits.is_empty()
                    && digits.bytes().all(|b| b.is_ascii_digit())
                    && (digits.len() == 1 || !digits.starts_with('0'))
            }
            Kind::Hex => {
                let digits = text
                    .strip_prefix("0x")
                    .or_else(|| text.strip_prefix("0X"))
                    .unwrap_or(text);
                !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
            }
        }
    }

    /// What a well-formed value looks like, for messages.
    pub fn expects(self) -> &'static str {
        match self {
            Kind::Unknown => "no value (the symbol has no type)",
            Kind::Bool => "y or n",
            Kind::Tristate => "y, m or n",
            Kind::Int => "a decimal number without leading zeros, such as 42",
            Kind::Hex => "a hexadecimal number, such as 0x2a",
            Kind::String => "text in double quotes, such as \"text\"",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The symbol's type.
    pub kind: Kind,
    /// The value as written to `.config`, strings without quotes and escapes; `n`, `m`, `y` for bool and tristate.
    pub text: String,
}

impl Value {
    /// Whether a bool is on, or a tristate is `m` or `y`; false for other types.
    pub fn is_on(&self) -> bool {
        self.kind.is_logic() && self.text != "n"
    }

    /// The number of an int symbol, or of a hex symbol that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.kind {
            Kind::Int => self.text.parse().ok(),
            Kind::Hex => self.as_u64().and_then(|v| v.try_into().ok()),
            _ => None,
        }
    }

    /// The number of a hex symbol, or of an int symbol that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self.kind {
            Kind::Int => self.text.parse().ok(),
            Kind::Hex => {
                let digits = self
                    .text
                    .strip_prefix("0x")
                    .or_else(|| self.text.strip_prefix("0X"))
                    .unwrap_or(&self.text);
                u64::from_str_radix(digits, 16).ok()
            }
            _ => None,
        }
    }

    /// The value as it stands after `CONFIG_X=` in a `.config`; strings quoted.
    pub fn literal(&self) -> String {
        if self.kind == Kind::String {
            quote(&self.text)
        } else {
            self.text.clone()
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.literal())
    }
}

/// `text` in double quotes, with `"` and `\` escaped.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_well_formed_as_the_c_implementation_has_it() {
        for (text, int, hex) in [
            ("0", true, true),
            ("00", false, true),
            ("-5", true, false),
            ("-", false, false),
            ("", false, false),
            ("0x", false, false),
            ("0X1f", false, true),
            ("ff", false, true),
            ("1 ", false, false),
        ] {
            assert_eq!(Kind::Int.accepts(text), int, "int {text:?}");
            assert_eq!(Kind::Hex.accepts(text), hex, "hex {text:?}");
        }
    }

    #[test]
    fn numbers_are_read_in_their_base() {
        assert_eq!(
            Value {
                kind: Kind::Hex,
                text: "0x10".into()
            }
            .as_u64(),
            Some(16)
        );
        assert_eq!(
            Value {
                kind: Kind::Hex,
                text: "10".into()
            }
            .as_i64(),
            Some(16)
        );
        assert_eq!(
            Value {
                kind: Kind::Int,
                text: "-1".into()
            }
            .as_u64(),
            None
        );
        assert_eq!(
            Value {
                kind: Kind::String,
                text: "1".into()
            }
            .as_u64(),
            None
        );
    }
}
