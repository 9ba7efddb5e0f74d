//! How an access of any size and alignment meets registers that are 32 bits wide and 4 bytes apart.

/// An access, as a register sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// Offset of the register.
    pub register: u64,
    /// The access begins at the register's first byte: it is an access to the register. Otherwise it only
    /// looks at some of its bytes.
    pub whole: bool,
    shift: u32,
    mask: u64,
}

impl Lane {
    /// The access of `size` bytes at `offset`.
    pub const fn new(offset: u64, size: u8) -> Self {
        Self {
            register: offset & !3,
            whole: offset & 3 == 0,
            shift: (offset as u32 & 3) << 3,
            mask: match size {
                1 => 0xff,
                2 => 0xffff,
                4 => 0xffff_ffff,
                _ => u64::MAX,
            },
        }
    }

    /// What a read gets of a register that holds `value`.
    pub const fn read(&self, value: u32) -> u64 {
        (value.wrapping_shr(self.shift) as u64) & self.mask
    }

    /// What a register gets of a write of `value`; `None` if the write does not begin at it.
    pub const fn write(&self, value: u64) -> Option<u32> {
        if self.whole {
            Some((value & self.mask) as u32)
        } else {
            None
        }
    }
}

/// Byte `n` of a PrimeCell's eight identification registers at 0xfe0 to 0xffc, one byte each.
#[cfg_attr(
    not(any(feature = "pl011", feature = "pl031")),
    allow(dead_code, reason = "there is no device to identify")
)]
pub(crate) fn identification(register: u64, bytes: &[u8; 8]) -> u32 {
    let index = register.wrapping_sub(0xfe0) >> 2;
    usize::try_from(index)
        .ok()
        .and_then(|n| bytes.get(n))
        .map_or(0, |byte| u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_gets_the_bytes_that_lie_there() {
        let value = 0x4433_2211;
        assert_eq!(Lane::new(0, 1).read(value), 0x11);
        assert_eq!(Lane::new(1, 1).read(value), 0x22);
        assert_eq!(Lane::new(2, 2).read(value), 0x4433);
        assert_eq!(Lane::new(0, 4).read(value), 0x4433_2211);
        assert_eq!(Lane::new(0, 8).read(value), 0x4433_2211);
        assert_eq!(Lane::new(3, 8).read(value), 0x44);
    }

    #[test]
    fn a_write_reaches_a_register_only_from_its_first_byte() {
        assert_eq!(Lane::new(4, 1).write(0x1ff), Some(0xff));
        assert_eq!(Lane::new(4, 8).write(u64::MAX), Some(u32::MAX));
        assert_eq!(Lane::new(5, 1).write(1), None);
        assert_eq!(Lane::new(6, 2).register, 4);
    }

    #[test]
    fn an_eight_byte_access_reads_zero_above_the_register() {
        assert_eq!(Lane::new(0, 8).read(u32::MAX), 0xffff_ffff);
        assert_eq!(Lane::new(4, 4).write(1 << 32 | 7), Some(7));
    }

    #[test]
    fn identification_ends_with_the_page() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(identification(0xfe0, &bytes), 1);
        assert_eq!(identification(0xffc, &bytes), 8);
        assert_eq!(identification(0xfdc, &bytes), 0);
        assert_eq!(identification(0x1000, &bytes), 0);
    }
}
