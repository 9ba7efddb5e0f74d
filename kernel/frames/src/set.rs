//! A set of small numbers whose lowest member is found at once.

/// Members from 0 to 64 × `WORDS` - 1; `WORDS` at most 64. A bit for each, and a bit for each word that has members.
#[derive(Debug)]
pub(crate) struct Set<const WORDS: usize> {
    top: u64,
    words: [u64; WORDS],
}

impl<const WORDS: usize> Set<WORDS> {
    /// Nothing. All zeros.
    pub(crate) const EMPTY: Self = {
        assert!(WORDS <= 64);
        Set {
            top: 0,
            words: [0; WORDS],
        }
    };

    /// Puts `member` in or takes it out.
    pub(crate) fn put(&mut self, member: usize, inside: bool) {
        let Some(word) = self.words.get_mut(member / 64) else {
            return;
        };
        let bit = 1u64.wrapping_shl((member % 64) as u32);
        *word = if inside { *word | bit } else { *word & !bit };
        let bit = 1u64.wrapping_shl((member / 64) as u32);
        self.top = if *word == 0 {
            self.top & !bit
        } else {
            self.top | bit
        };
    }

    /// The lowest member.
    pub(crate) fn first(&self) -> Option<usize> {
        let index = self.top.trailing_zeros() as usize;
        let word = self.words.get(index).filter(|word| **word != 0)?;
        Some(
            index
                .wrapping_mul(64)
                .wrapping_add(word.trailing_zeros() as usize),
        )
    }
}
