//! Walks frame records: `{previous frame pointer, return address}` pairs that x29 chains (AAPCS64 §6.4.6).
//!
//! Needs code compiled with `-C force-frame-pointers=yes`. The walk reads only inside the bounds it is
//! given and only upwards, so a corrupted chain ends it instead of hanging or faulting.

/// Return addresses, innermost first.
#[derive(Clone, Debug)]
pub struct Backtrace<R> {
    frame: u64,
    low: u64,
    high: u64,
    read: R,
}

impl<R: FnMut(u64) -> u64> Backtrace<R> {
    /// Walks from the frame record at `frame` through the stack `low..high` (bytes); `read` loads the
    /// eight bytes at an aligned address inside it.
    pub fn new(frame: u64, low: u64, high: u64, read: R) -> Self {
        Self {
            frame,
            low,
            high,
            read,
        }
    }
}

impl<R: FnMut(u64) -> u64> Iterator for Backtrace<R> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let frame = self.frame;
        let inside = frame >= self.low && frame.checked_add(16).is_some_and(|end| end <= self.high);
        if !inside || !frame.is_multiple_of(8) {
            return None;
        }
        let next = (self.read)(frame);
        let return_address = (self.read)(frame + 8);
        // Frames lie ever higher; anything else is the end, or a corrupted chain.
        self.low = frame + 16;
        self.frame = next;
        (return_address != 0).then_some(return_address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn walk(words: &[u64], start: u64) -> Vec<u64> {
        let high = 0x1000 + words.len() as u64 * 8;
        Backtrace::new(start, 0x1000, high, |at| {
            words[((at - 0x1000) / 8) as usize]
        })
        .collect()
    }

    #[test]
    fn return_addresses_come_innermost_first() {
        let words = [0, 0, 0x1020, 0xa, 0x1030, 0xb, 0, 0xc];
        assert_eq!(walk(&words, 0x1010), [0xa, 0xb, 0xc]);
    }

    #[test]
    fn a_loop_in_the_chain_ends_the_walk() {
        let words = [0x1010, 0xa, 0x1000, 0xb];
        assert_eq!(walk(&words, 0x1000), [0xa, 0xb]);
    }

    #[test]
    fn nothing_outside_the_stack_or_unaligned_is_read() {
        let words = [0x1019, 0xa, 0x2000, 0xb];
        assert_eq!(walk(&words, 0xff8), []);
        assert_eq!(walk(&words, 0x1001), []);
        assert_eq!(walk(&words, 0x1018), []);
        assert_eq!(walk(&words, 0x1000), [0xa]);
        assert_eq!(walk(&words, 0x1010), [0xb]);
        assert_eq!(walk(&words, u64::MAX), []);
    }

    #[test]
    fn a_zero_return_address_is_the_outermost_frame() {
        let words = [0x1010, 0, 0, 0xb];
        assert_eq!(walk(&words, 0x1000), []);
    }
}

#[cfg(target_arch = "aarch64")]
mod here {
    use super::Backtrace;
    use crate::{cpu, layout};

    /// Reads a word of a mapped stack.
    fn load(at: u64) -> u64 {
        // SAFETY: the walk asks only for aligned addresses inside the bounds it was given, and those are
        // a stack of this core, mapped and readable for the whole life of the kernel.
        unsafe { core::ptr::with_exposed_provenance::<u64>(at as usize).read_volatile() }
    }

    /// Return addresses from the frame record at `frame`, which is x29 of a [`crate::FaultFrame`] or
    /// [`cpu::frame_pointer`]. Looks on this core's stack, or on its emergency stack if it lies there.
    pub fn from_frame(frame: u64) -> Backtrace<fn(u64) -> u64> {
        let (low, high) = cpu::stacks()
            .into_iter()
            .find(|(low, high)| (*low..*high).contains(&frame))
            .unwrap_or((0, 0));
        Backtrace::new(frame, low, high, load)
    }

    /// Whether `address` lies in the kernel's code: what a symbol table can name.
    #[must_use]
    pub fn in_text(address: u64) -> bool {
        let text = layout::text();
        (text.start..text.end).contains(&address)
    }
}

#[cfg(target_arch = "aarch64")]
pub use here::{from_frame, in_text};
