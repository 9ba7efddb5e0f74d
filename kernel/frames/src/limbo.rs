//! Pages that nobody has any more, but that somebody may still be looking at: they wait here until that is out of the question.
//!
//! They go through in batches, in the order of their coming. What comes is collected; [`close`](Limbo::close) makes a batch
//! of it, for which the caller begins a grace period; once that is over, [`pass`](Limbo::pass) says so, and
//! [`take`](Limbo::take) hands the pages out one by one. One batch waits at a time.
//!
//! Guarantees: a page that was put in is taken out once, and not before a `pass` that follows the `close` that follows its
//! `put`. Every step takes constant time. Room: two bytes for each page there is, however many wait; pages are not written
//! to, since whoever looks at them must find what was there.
//!
//! What it does not do: know what a grace period is.

/// No page. Others are named by their number and one, so that an empty limbo is all zeros.
const NONE: u16 = 0;

/// Pages of one kind, first in, first out, linked through [`Limbo::next`].
#[derive(Clone, Copy, Debug)]
struct List {
    first: u16,
    last: u16,
}

impl List {
    const EMPTY: List = List {
        first: NONE,
        last: NONE,
    };

    const fn is_empty(self) -> bool {
        self.first == NONE
    }
}

/// Room for the pages from 0 to `PAGES` - 1.
#[derive(Debug)]
pub struct Limbo<const PAGES: usize> {
    next: [u16; PAGES],
    come: List,
    /// How many have come since the last batch was closed.
    new: u32,
    closed: List,
    free: List,
    put: u64,
    taken: u64,
}

impl<const PAGES: usize> Limbo<PAGES> {
    /// No page waits.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(
                PAGES < u16::MAX as usize,
                "a page's number fits into 16 bits"
            )
        };
        Limbo {
            next: [NONE; PAGES],
            come: List::EMPTY,
            new: 0,
            closed: List::EMPTY,
            free: List::EMPTY,
            put: 0,
            taken: 0,
        }
    }

    /// Lets a page wait that does not yet; one that is none is left alone.
    pub fn put(&mut self, page: usize) {
        if page >= PAGES {
            return;
        }
        let page = (page as u16).wrapping_add(1);
        self.link(page, NONE);
        let mut list = self.come;
        if list.is_empty() {
            list.first = page;
        } else {
            self.link(list.last, page);
        }
        list.last = page;
        self.come = list;
        self.new = self.new.saturating_add(1);
        self.put = self.put.wrapping_add(1);
    }

    /// How many have come that belong to no batch yet.
    #[must_use]
    pub const fn new_ones(&self) -> u32 {
        self.new
    }

    /// Makes a batch of what has come; `false`: nothing has, or one waits already.
    pub fn close(&mut self) -> bool {
        if self.come.is_empty() || !self.closed.is_empty() {
            return false;
        }
        self.closed = core::mem::replace(&mut self.come, List::EMPTY);
        self.new = 0;
        true
    }

    /// Nobody looks any more at the pages of the batch that waits.
    pub fn pass(&mut self) {
        let batch = core::mem::replace(&mut self.closed, List::EMPTY);
        if batch.is_empty() {
            return;
        }
        let mut list = self.free;
        if list.is_empty() {
            list = batch;
        } else {
            self.link(list.last, batch.first);
            list.last = batch.last;
        }
        self.free = list;
    }

    /// A page whose time is over; it waits no more.
    pub fn take(&mut self) -> Option<usize> {
        let page = usize::from(self.free.first).checked_sub(1)?;
        let next = self.next.get(page).copied()?;
        self.free = if next == NONE {
            List::EMPTY
        } else {
            List {
                first: next,
                last: self.free.last,
            }
        };
        self.taken = self.taken.wrapping_add(1);
        Some(page)
    }

    /// How many were put in since the beginning.
    #[must_use]
    pub const fn put_in(&self) -> u64 {
        self.put
    }

    /// How many were taken out since the beginning: the first that were put in.
    #[must_use]
    pub const fn taken_out(&self) -> u64 {
        self.taken
    }

    /// How many wait.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.put.wrapping_sub(self.taken)
    }

    fn link(&mut self, page: u16, next: u16) {
        let place = usize::from(page).wrapping_sub(1);
        if let Some(place) = self.next.get_mut(place) {
            *place = next;
        }
    }
}

impl<const PAGES: usize> Default for Limbo<PAGES> {
    fn default() -> Self {
        Self::new()
    }
}
