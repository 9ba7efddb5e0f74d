//! The preemption models: what a pause in long work means. One trait, three implementations; each build has all three
//! type-checked and uses one.
//!
//! A model is pure judgement: it is told how things stand ([`Stay`]) and says what to do ([`Pause`]). Stacks,
//! threads and continuations are whoever's who asks.

/// How things stand where long work could pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stay {
    /// This core is due to run something else.
    pub reschedule: bool,
    /// The VM on whose behalf this is done has an interrupt that its caller could take now.
    pub deliverable: bool,
    /// Counter ticks since the work was entered, or entered again.
    pub ticks: u64,
    /// How many ticks a stay may last at most, where the model bounds it.
    pub bound: u64,
    /// Work on this core can be preempted.
    pub preemptible: bool,
}

/// What to do at a place where long work could pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Go on.
    GoOn,
    /// Leave to the caller, to be continued.
    Leave,
    /// Sleep here until what is waited for has happened.
    Block,
}

/// A preemption model.
pub trait Model: 'static {
    /// Its name in configurations and reports.
    const NAME: &'static str;

    /// Whether work of EL2 runs on threads with stacks of their own, which can be preempted and can sleep.
    const THREADS: bool;

    /// Whether operations of guests may leave at all.
    const CONTINUES: bool;

    /// Whether EL2 on a core can be preempted; `marked`: the configuration marks that core preemptible.
    fn preemptible(marked: bool) -> bool;

    /// At a checkpoint.
    fn checkpoint(stay: &Stay) -> Pause;

    /// Where a lock is held by somebody else, or something awaited has not happened yet.
    fn contended(stay: &Stay) -> Pause;
}

/// EL2 is never preempted: long work leaves at checkpoints.
#[derive(Clone, Copy, Debug)]
pub struct Legacy;

/// EL2 is preempted at once outside atomic sections: long work runs in place.
#[derive(Clone, Copy, Debug)]
pub struct Full;

/// Preempted for others on cores so marked, and prompt for its own guest everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Hybrid;

impl Model for Legacy {
    const NAME: &'static str = "legacy";
    const THREADS: bool = false;
    const CONTINUES: bool = true;

    #[inline(always)]
    fn preemptible(_marked: bool) -> bool {
        false
    }

    #[inline]
    fn checkpoint(stay: &Stay) -> Pause {
        if stay.reschedule || stay.deliverable {
            Pause::Leave
        } else {
            Pause::GoOn
        }
    }

    #[inline]
    fn contended(_stay: &Stay) -> Pause {
        Pause::Leave
    }
}

impl Model for Full {
    const NAME: &'static str = "full";
    const THREADS: bool = true;
    const CONTINUES: bool = false;

    #[inline(always)]
    fn preemptible(_marked: bool) -> bool {
        true
    }

    #[inline]
    fn checkpoint(_stay: &Stay) -> Pause {
        Pause::GoOn
    }

    #[inline]
    fn contended(_stay: &Stay) -> Pause {
        Pause::Block
    }
}

impl Model for Hybrid {
    const NAME: &'static str = "hybrid";
    const THREADS: bool = true;
    const CONTINUES: bool = true;

    #[inline(always)]
    fn preemptible(marked: bool) -> bool {
        marked
    }

    #[inline]
    fn checkpoint(stay: &Stay) -> Pause {
        let others = stay.reschedule && !stay.preemptible;
        if stay.deliverable || stay.ticks > stay.bound || others {
            Pause::Leave
        } else {
            Pause::GoOn
        }
    }

    #[inline]
    fn contended(stay: &Stay) -> Pause {
        if stay.deliverable || !stay.preemptible {
            Pause::Leave
        } else {
            Pause::Block
        }
    }
}
