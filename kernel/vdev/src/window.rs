//! Which device an address belongs to.

/// A range of guest physical addresses that a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

impl Window {
    /// The offset of an access of `size` bytes at `ipa`, if all of it lies inside.
    #[inline]
    #[must_use]
    pub const fn offset(&self, ipa: u64, size: u8) -> Option<u64> {
        let offset = ipa.wrapping_sub(self.base);
        let Some(last) = self.size.checked_sub(size as u64) else {
            return None;
        };
        if offset <= last { Some(offset) } else { None }
    }
}

/// The window in which an access lies: its index and the offset in it. An access that lies in none, or
/// only partly, has no device: it is an external abort.
#[inline]
#[must_use]
pub fn find(windows: &[Window], ipa: u64, size: u8) -> Option<(usize, u64)> {
    let mut windows = windows.iter().enumerate();
    windows.find_map(|(n, window)| window.offset(ipa, size).map(|offset| (n, offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: [Window; 2] = [
        Window {
            base: 0x0900_0000,
            size: 0x1000,
        },
        Window {
            base: 0x0901_0000,
            size: 0x1000,
        },
    ];

    #[test]
    fn an_access_finds_its_device() {
        assert_eq!(find(&WINDOWS, 0x0900_0018, 4), Some((0, 0x18)));
        assert_eq!(find(&WINDOWS, 0x0901_0ffc, 4), Some((1, 0xffc)));
    }

    #[test]
    fn an_access_outside_or_across_the_end_finds_none() {
        for (ipa, size) in [
            (0x08ff_ffff, 1),
            (0x08ff_ffff, 2),
            (0x0900_1000, 1),
            (0x0900_0ffd, 4),
            (0, 8),
            (u64::MAX, 8),
        ] {
            assert_eq!(find(&WINDOWS, ipa, size), None, "{ipa:#x}");
        }
    }

    #[test]
    fn a_window_smaller_than_the_access_has_no_room_for_it() {
        assert_eq!(Window { base: 0, size: 2 }.offset(0, 4), None);
    }
}
