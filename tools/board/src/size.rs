//! Sizes as people write them: `"256M"`, `"2 MiB"`, `"0x10_0000"`, or a plain TOML integer of bytes.
//!
//! Units are powers of two, and both `M` and `MiB` mean 2^20: in memory maps nobody means anything else.

/// Reads a size in bytes; the error says what is expected.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    const EXPECTED: &str =
        "a size is a number with an optional unit K, M or G (powers of two), like \"256M\"";
    let compact: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .collect();
    let (digits, radix) = match compact.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None => (compact.as_str(), 10),
    };
    let split = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (number, unit) = digits.split_at(split);
    let number = u64::from_str_radix(number, radix).map_err(|_| EXPECTED.to_owned())?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(EXPECTED.to_owned()),
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "it is larger than 64 bits can hold".to_owned())
}

/// Writes a size with the largest unit that leaves no remainder.
pub(crate) fn human(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        b if b % (1 << 30) == 0 => format!("{} GiB", b >> 30),
        b if b % (1 << 20) == 0 => format!("{} MiB", b >> 20),
        b if b % (1 << 10) == 0 => format!("{} KiB", b >> 10),
        b => format!("{b} bytes"),
    }
}

/// Writes a size with one decimal where the exact value would be long, for sizes of files.
pub(crate) fn about(bytes: u64) -> String {
    match bytes {
        b if b >= 10 << 20 => format!("{} MiB", b.div_ceil(1 << 20)),
        b if b >= 10 << 10 => format!("{} KiB", b.div_ceil(1 << 10)),
        b => format!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(parse("256M"), Ok(256 << 20));
        assert_eq!(parse("2 MiB"), Ok(2 << 20));
        assert_eq!(parse("1g"), Ok(1 << 30));
        assert_eq!(parse("0x10_0000"), Ok(0x10_0000));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64KB"), Ok(64 << 10));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "M", "1.5G", "12 apples", "-1", "0x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("99999999999G").is_err());
    }

    #[test]
    fn sizes_are_written_with_the_largest_whole_unit() {
        assert_eq!(human(256 << 20), "256 MiB");
        assert_eq!(human(0x4000), "16 KiB");
        assert_eq!(human(1 << 30), "1 GiB");
        assert_eq!(human(4097), "4097 bytes");
        assert_eq!(about(27_262_976), "26 MiB");
    }
}
