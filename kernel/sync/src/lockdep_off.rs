//! Lock-order checking, left out: all of it is nothing, and takes no room. See `lockdep.rs`.

use preempt::Platform;

/// What kind of lock a class is of.
pub(crate) enum Kind {
    Spin,
    ReadWrite,
    Mutex,
}

/// The class of a lock.
pub(crate) struct Class;

/// Where a lock is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Site;

impl Site {
    #[inline(always)]
    pub(crate) const fn here() -> Self {
        Site
    }
}

impl Class {
    #[inline(always)]
    pub(crate) const fn here(_kind: Kind) -> Self {
        Class
    }
    #[inline(always)]
    pub(crate) const fn named(_name: &'static str, _kind: Kind) -> Self {
        Class
    }
    #[inline(always)]
    pub(crate) fn want<P: Platform>(&self, _who: u32, _site: Site) {}
    #[inline(always)]
    pub(crate) fn got<P: Platform>(&self, _who: u32, _site: Site) {}
    #[inline(always)]
    pub(crate) fn left<P: Platform>(&self, _who: u32) {}
    #[inline(always)]
    pub(crate) fn want_here<P: Platform>(&self, _site: Site) {}
    #[inline(always)]
    pub(crate) fn got_here<P: Platform>(&self, _site: Site) {}
    #[inline(always)]
    pub(crate) fn left_here<P: Platform>(&self) {}
}

const _: () = assert!(size_of::<Class>() == 0 && size_of::<Site>() == 0);
