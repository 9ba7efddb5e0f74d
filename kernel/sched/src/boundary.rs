//! Stopping and pausing what EL2 may be working for: a request, carried out where that work has come to an end.
//!
//! Work that was left in the middle holds what must be given back. So who is stopped or paused meanwhile goes on, may be
//! preempted and sleep, and halts at its *boundary*, where nothing of it is on an EL2 stack. [`Policy`] knows nothing of
//! that; what it is told in which case stands here.
//!
//! Who waits for it to halt may lend it urgency ([`hurry`](Boundary::hurry)), lest one of an urgency in between keeps both waiting. That
//! ends with the reason: where it halts, or may go on.
//!
//! Everything that takes the policy is called under its lock; what is only looked at may be looked at by anybody.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::{Cores, CpuId, Policy, VcpuId};

const NOTHING: u8 = 0;
const PAUSE: u8 = 1;
const STOP: u8 = 2;

/// What is to become of one entity at its boundary, and whether it is there.
#[derive(Debug)]
pub struct Boundary {
    asked: AtomicU8,
    /// EL2's work for it was left in the middle. Changed under the lock, or by the core that runs it.
    inside: AtomicBool,
}

impl Boundary {
    /// Nothing is asked of it, and nothing is in the middle of anything.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            asked: AtomicU8::new(NOTHING),
            inside: AtomicBool::new(false),
        }
    }

    /// The entity is off and begins anew.
    pub fn fresh(&self) {
        self.ask(NOTHING);
        self.inside.store(false, Ordering::SeqCst);
    }

    /// Whether it is to stop: long work for it is given up.
    pub fn stops(&self) -> bool {
        self.asked.load(Ordering::SeqCst) == STOP
    }

    /// Whether it is to pause.
    pub fn pauses(&self) -> bool {
        self.asked.load(Ordering::SeqCst) == PAUSE
    }

    /// Whether [`reached`](Self::reached) has anything to do, without the lock.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst) != NOTHING
    }

    /// Whether there is work that was left in the middle.
    pub fn is_inside(&self) -> bool {
        self.inside.load(Ordering::SeqCst)
    }

    /// The work that was left in the middle is gone on with; whether there is any. By the core that runs the entity.
    pub fn go_on(&self) -> bool {
        self.inside.swap(false, Ordering::SeqCst)
    }

    /// Stops it, whatever it is doing. Returns the cores to kick.
    pub fn stop(&self, policy: &mut impl Policy, id: VcpuId, now: u64) -> [Option<CpuId>; 2] {
        self.ask(STOP);
        // A pause would keep it from its boundary.
        let unpaused = policy.unpause(id, now);
        let stopped = if self.inside.load(Ordering::SeqCst) {
            policy.wake(id, now)
        } else {
            policy.stop(id, now)
        };
        [unpaused, stopped]
    }

    /// Keeps it from running until [`unpause`](Self::unpause). Returns the core to kick.
    pub fn pause(&self, policy: &mut impl Policy, id: VcpuId, now: u64) -> Option<CpuId> {
        self.ask_unless_it_stops(PAUSE);
        if self.inside.load(Ordering::SeqCst) {
            None
        } else {
            policy.pause(id, now)
        }
    }

    /// Ends [`pause`](Self::pause). Returns the cores to kick.
    pub fn unpause(&self, policy: &mut impl Policy, id: VcpuId, now: u64) -> [Option<CpuId>; 2] {
        self.ask_unless_it_stops(NOTHING);
        let unhurried = policy.disinherit(id, now);
        [unhurried, policy.unpause(id, now)]
    }

    /// `from` waits for it to be quiet: if it is to be, and is not, it is as urgent as `from` until it halts, or may go on, or
    /// [`Policy::disinherit`]. Returns the core to kick.
    pub fn hurry(
        &self,
        policy: &mut impl Policy,
        id: VcpuId,
        from: VcpuId,
        now: u64,
    ) -> Option<CpuId> {
        if !self.is_asked() || self.is_quiet(policy, id) {
            return None;
        }
        policy.inherit(id, from, now)
    }

    /// What runs here is at its boundary: carries out what is asked of it, and says whether that was anything. If it was
    /// nothing, whoever asked has told its core to look again.
    pub fn reached(&self, policy: &mut impl Policy, id: VcpuId, now: u64) -> bool {
        // Not what was seen before the lock was had: a pause may have been ended since, and whoever ended it does so once.
        match self.asked.load(Ordering::SeqCst) {
            STOP => drop(policy.stop(id, now)),
            PAUSE => drop(policy.pause(id, now)),
            _ => return false,
        }
        // Its core is about to ask anyway.
        let _ = policy.disinherit(id, now);
        true
    }

    /// What runs on `cpu` is left in the middle of EL2's work.
    pub fn leave(&self, policy: &mut impl Policy, id: VcpuId, cpu: CpuId, now: u64) {
        policy.reprieve(cpu);
        self.let_finish(policy, id, now);
        self.inside.store(true, Ordering::SeqCst);
    }

    /// What runs on `cpu` sleeps in the middle of EL2's work, unless it has been woken ([`Policy::block`]) or is to stop: what
    /// it waits for may never happen then. Says whether it sleeps.
    pub fn sleep(&self, policy: &mut impl Policy, id: VcpuId, cpu: CpuId, now: u64) -> bool {
        self.let_finish(policy, id, now);
        let sleeps = !policy.reprieve(cpu) && policy.block(cpu, now);
        self.inside.store(sleeps, Ordering::SeqCst);
        sleeps
    }

    /// The core `cpu` has saved its registers. Returns the cores to kick, and whether somebody may wait to hear so: whoever asks
    /// something of it and then looks, either finds it quiet or is told here, at whatever point of the switch that was asked.
    pub fn saved(
        &self,
        policy: &mut impl Policy,
        id: VcpuId,
        cpu: CpuId,
        now: u64,
    ) -> (Cores, bool) {
        let kicks = policy.switched_out(cpu, now);
        if self.is_asked() && self.is_quiet(policy, id) {
            // It neither runs nor waits to: nobody is to be kicked.
            let _ = policy.disinherit(id, now);
        }
        (kicks, self.is_asked())
    }

    /// Whether it is stopped or paused, at its boundary, and no core holds its registers.
    pub fn is_quiet(&self, policy: &impl Policy, id: VcpuId) -> bool {
        policy.is_quiet(id) && !self.inside.load(Ordering::SeqCst)
    }

    /// A pause that the policy knows of would keep the entity from its boundary, asleep or not; there it is carried out.
    fn let_finish(&self, policy: &mut impl Policy, id: VcpuId, now: u64) {
        if self.is_asked() {
            // The core to kick is the caller's, which is about to ask anyway.
            let _ = policy.unpause(id, now);
        }
    }

    fn ask(&self, what: u8) {
        self.asked.store(what, Ordering::SeqCst);
    }

    /// A stop is final, until it begins anew: who pauses and lets go on all of a VM's knows nothing of one that is turned off.
    fn ask_unless_it_stops(&self, what: u8) {
        if !self.stops() {
            self.ask(what);
        }
    }
}

impl Default for Boundary {
    fn default() -> Self {
        Self::new()
    }
}
