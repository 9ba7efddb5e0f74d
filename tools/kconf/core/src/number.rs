//! Numbers at the start of a text, as C's `strtoll` and `strtoull` read them.
//!
//! Bounds of ranges and comparisons are defined through these: base 0 means decimal, `0x` hexadecimal or `0`
//! octal, as much of the text as fits is used, and too large a number saturates.

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix<T> {
    /// The number; 0 if there is none.
    pub value: T,
    /// Whether the whole text was used and the number fits.
    pub whole: bool,
}

/// As `strtoll`.
pub fn parse_prefix(text: &str, base: u32) -> Prefix<i64> {
    let (negative, magnitude, whole) = magnitude(text, base);
    let signed = i128::try_from(magnitude).unwrap_or(i128::MAX);
    let signed = if negative { -signed } else { signed };
    match i64::try_from(signed) {
        Ok(value) => Prefix { value, whole },
        Err(_) => Prefix {
            value: if negative { i64::MIN } else { i64::MAX },
            whole: false,
        },
    }
}

/// As `strtoull`: a minus sign wraps.
pub fn parse_prefix_unsigned(text: &str, base: u32) -> Prefix<u64> {
    let (negative, magnitude, whole) = magnitude(text, base);
    match u64::try_from(magnitude) {
        Ok(value) => Prefix {
            value: if negative {
                value.wrapping_neg()
            } else {
                value
            },
            whole,
        },
        Err(_) => Prefix {
            value: u64::MAX,
            whole: false,
        },
    }
}

/// The number at the start of `text`, 0 if there is none: what bounds of ranges and values are compared by.
pub fn number_at_start(text: &str, base: u32) -> i64 {
    parse_prefix(text, base).value
}

fn magnitude(text: &str, base: u32) -> (bool, u128, bool) {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let after_0x = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (base, digits) = match (base, after_0x) {
        (0 | 16, Some(rest)) => (16, rest),
        (0, None) if digits.starts_with('0') => (8, digits),
        (0, None) => (10, digits),
        (base, _) => (base, digits),
    };
    let mut value = 0u128;
    let mut used = 0;
    for digit in digits.chars().map_while(|c| c.to_digit(base)) {
        value = value
            .saturating_mul(u128::from(base))
            .saturating_add(u128::from(digit));
        used += 1;
    }
    (negative, value, used > 0 && used == digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, base, value, whole) in [
            ("10", 10, 10, true),
            ("10", 16, 16, true),
            ("0x10", 16, 16, true),
            ("0x10", 10, 0, false),
            ("0x", 16, 0, false),
            ("010", 0, 8, true),
            ("08", 0, 0, false),
            ("-5", 10, -5, true),
            ("5k", 10, 5, false),
            ("", 10, 0, false),
            ("9223372036854775808", 10, i64::MAX, false),
            ("-9223372036854775808", 10, i64::MIN, true),
        ] {
            assert_eq!(
                parse_prefix(text, base),
                Prefix { value, whole },
                "{text:?} base {base}"
            );
        }
        assert_eq!(
            parse_prefix_unsigned("-1", 16),
            Prefix {
                value: u64::MAX,
                whole: true
            }
        );
    }
}
