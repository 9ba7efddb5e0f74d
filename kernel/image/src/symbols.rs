//! Names of the kernel's functions, from the pack: lines `address-in-hex name`, ascending.

/// The function that contains `address`, and how far in.
pub fn name(address: u64) -> Option<(&'static str, u64)> {
    let text = core::str::from_utf8(crate::pack::find(abi::pack::SYMBOLS)?.data).ok()?;
    let mut best = None;
    for line in text.lines() {
        let (start, name) = line.split_once(' ')?;
        match address.checked_sub(u64::from_str_radix(start, 16).ok()?) {
            Some(offset) => best = Some((name, offset)),
            None => break,
        }
    }
    best.filter(|_| arch::backtrace::in_text(address))
}
