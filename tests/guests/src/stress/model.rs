//! What a vCPU knows about its own piece of address space: which pages are populated, and what must come of an operation.
//!
//! Only this vCPU works on the piece, so every result can be foretold, except whether memory runs short. After an operation
//! whose result is not known (let go of, or lost), [`Region::look`] finds out page by page.

use abi::ops::{self, error, populate};

use super::call;
use crate::rt::cpu;
use crate::rt::hypercall::Answer;
use crate::rt::mmio::{read64, write64};
use crate::rt::random::Random;

/// Pages of a piece: 4 MiB, so that there are large blocks in it.
pub const PAGES: usize = 1024;
const PAGE: u64 = 4096;

/// The piece.
pub struct Region {
    /// Its first address.
    pub base: u64,
    /// Whether each page is populated.
    populated: [bool; PAGES],
    /// What is granted: first page, pages, reference.
    pub granted: Option<(usize, usize, u64)>,
}

/// Some pages of the piece.
#[derive(Clone, Copy)]
pub struct Pages {
    first: usize,
    count: usize,
}

impl Pages {
    /// The whole piece.
    pub const ALL: Self = Self {
        first: 0,
        count: PAGES,
    };
}

impl Region {
    /// A piece of which nothing is populated.
    pub const fn new(base: u64) -> Self {
        Self {
            base,
            populated: [false; PAGES],
            granted: None,
        }
    }

    /// Some of it: mostly few pages, sometimes whole blocks.
    pub fn some(random: &mut Random) -> Pages {
        let most = match random.below(16) {
            0 => 1024,
            1 | 2 => 256,
            3..=8 => 32,
            _ => 4,
        };
        let count = 1 + random.below(most) as usize;
        let mut first = random.below((PAGES - count + 1) as u64) as usize;
        if count >= 512 && first < 512 && random.below(2) == 0 {
            first = 0;
        }
        Pages { first, count }
    }

    /// The address of a page.
    pub fn address(&self, page: usize) -> u64 {
        self.base + page as u64 * PAGE
    }

    /// The arguments for an operation on some pages.
    pub fn arguments(&self, pages: Pages) -> [u64; 2] {
        [self.address(pages.first), pages.count as u64 * PAGE]
    }

    /// Any populated page.
    pub fn any(&self, random: &mut Random) -> Option<usize> {
        let start = random.below(PAGES as u64) as usize;
        let mut pages = (start..PAGES).chain(0..start);
        pages.find(|page| self.is(*page))
    }

    /// How many pages from `first` on are populated, up to `most`.
    pub fn run(&self, first: usize, most: usize) -> usize {
        let end = (first + most).min(PAGES);
        (first..end).take_while(|page| self.is(*page)).count()
    }

    fn is(&self, page: usize) -> bool {
        self.populated.get(page).copied().unwrap_or(false)
    }

    fn is_granted(&self, page: usize) -> bool {
        self.granted
            .is_some_and(|(first, count, _)| (first..first + count).contains(&page))
    }

    /// Whether a page that an operation has taken away is granted, which it must not be. The one that it was granted to may
    /// have died meanwhile, and the grant with it: then there is none to withdraw.
    fn is_kept(&mut self, page: usize) -> bool {
        if !self.is_granted(page) {
            return false;
        }
        let Some((_, _, reference)) = self.granted.take() else {
            return false;
        };
        cpu::mask();
        let withdrawn = call(ops::UNGRANT, [reference]);
        cpu::unmask();
        withdrawn.status != error::NO_GRANT
    }

    /// What is written into a page when it is populated.
    fn mark(&self, page: usize) -> u64 {
        self.address(page) ^ 0x5eed_0000_0000_0001
    }

    /// Populates; says what is wrong with the result, if anything.
    pub fn populated(&mut self, pages: Pages, answer: Answer) -> Result<(), &'static str> {
        let done = whole(answer.value(), pages)?;
        let (done_pages, next) = (pages.first..pages.first + done, pages.first + done);
        let all = done == pages.count;
        for page in done_pages {
            if self.is(page) {
                return Err("a page was populated twice");
            }
            // Both ends of it: what was there before is gone.
            let at = self.address(page);
            if read64(at) != 0 || read64(at + PAGE - 8) != 0 {
                return Err("a populated page is not zero");
            }
            write64(at, self.mark(page));
            write64(at + PAGE - 8, !0);
            self.set(page, true);
        }
        match answer.status {
            0 if all => Ok(()),
            error::OVERLAP if !all && self.is(next) => Ok(()),
            error::NO_MEMORY | error::QUOTA if !all => Ok(()),
            _ => Err("populating ended for another reason"),
        }
    }

    /// Reclaims.
    pub fn reclaimed(&mut self, pages: Pages, answer: Answer) -> Result<(), &'static str> {
        let done = whole(answer.value(), pages)?;
        let next = pages.first + done;
        for page in pages.first..next {
            if !self.is(page) || self.is_kept(page) {
                return Err("a page was reclaimed that could not be");
            }
            self.set(page, false);
        }
        match answer.status {
            0 if done == pages.count => Ok(()),
            error::NOT_MAPPED if done < pages.count && !self.is(next) => Ok(()),
            error::PINNED if done < pages.count && self.is_granted(next) => Ok(()),
            _ => Err("reclaiming ended for another reason"),
        }
    }

    /// Unmaps, passing over what is not there.
    pub fn unmapped(&mut self, pages: Pages, answer: Answer) -> Result<(), &'static str> {
        let done = whole(answer.value(), pages)?;
        let next = pages.first + done;
        let mut given = 0;
        for page in pages.first..next {
            if self.is_kept(page) {
                return Err("a granted page was unmapped");
            }
            given += u64::from(self.is(page)) * PAGE;
            self.set(page, false);
        }
        match answer {
            Answer {
                values: [_, x2, _], ..
            } if x2 != given => Err("it gave back something else"),
            Answer { status: 0, .. } if done == pages.count => Ok(()),
            Answer {
                status: error::PINNED,
                ..
            } if done < pages.count && self.is_granted(next) => Ok(()),
            _ => Err("unmapping ended for another reason"),
        }
    }

    /// Cleans caches.
    pub fn cleaned(&self, pages: Pages, answer: Answer) -> Result<(), &'static str> {
        let done = whole(answer.value(), pages)?;
        if self.run(pages.first, pages.count) != done {
            return Err("it cleaned another number of pages");
        }
        match answer.status {
            0 if done == pages.count => Ok(()),
            error::NOT_MAPPED if done < pages.count => Ok(()),
            _ => Err("cleaning ended for another reason"),
        }
    }

    /// Whether a page still has what was written into it.
    pub fn intact(&self, page: usize) -> bool {
        let at = self.address(page);
        read64(at) == self.mark(page) && read64(at + PAGE - 8) == !0
    }

    /// Finds out which of some pages are populated.
    pub fn look(&mut self, pages: Pages) -> Result<(), &'static str> {
        for page in pages.first..pages.first + pages.count {
            let clean = call(ops::CACHE_CLEAN, [self.address(page), PAGE]);
            match clean.status {
                0 => {
                    write64(self.address(page), self.mark(page));
                    write64(self.address(page) + PAGE - 8, !0);
                    self.set(page, true);
                }
                error::NOT_MAPPED => self.set(page, false),
                _ => return Err("a page is neither there nor not there"),
            }
        }
        Ok(())
    }

    fn set(&mut self, page: usize, populated: bool) {
        if let Some(slot) = self.populated.get_mut(page) {
            *slot = populated;
        }
    }
}

/// Flags for populating.
pub fn flags(random: &mut Random) -> u64 {
    [0, 0, populate::PAGES, populate::NO_EXECUTE][random.below(4) as usize]
}

/// Pages done, from bytes done.
fn whole(bytes: u64, pages: Pages) -> Result<usize, &'static str> {
    if !bytes.is_multiple_of(PAGE) || bytes / PAGE > pages.count as u64 {
        return Err("it did more than was asked, or half a page");
    }
    Ok((bytes / PAGE) as usize)
}
