//! Where the time of a vCPU or a hypervisor thread goes.
//!
//! A vCPU and a hypervisor thread each have an account; what a thread does is booked in the thread's own (as
//! [`Heading::Own`]) and shows in a vCPU's as time waited.
//!
//! Every tick since the account was opened is booked under exactly one [`Heading`]; the headings add up to the
//! time elapsed. Time that EL2 spends for somebody else while this vCPU is on the core, such as handling another
//! VM's interrupt or the console, is stolen from it, not charged to it.

/// What a vCPU's time is being spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// Not running and not wanting to: blocked or stopped.
    Asleep = 0,
    /// Wanting to run and waiting for a core.
    Waiting,
    /// In the guest.
    Guest,
    /// In EL2 on its own behalf: its traps, its interrupts, its switches.
    Own,
    /// In EL2, on its core, on behalf of others: their interrupts, the console.
    Others,
    /// In EL2, on its core, for background tasks: what hypervisor threads do where there are threads.
    Tasks,
}

/// How many headings there are.
const HEADINGS: usize = Heading::Tasks as usize + 1;

/// Ticks under each heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// [`Heading::Asleep`].
    pub asleep: u64,
    /// [`Heading::Waiting`].
    pub waiting: u64,
    /// [`Heading::Guest`].
    pub guest: u64,
    /// [`Heading::Own`].
    pub own: u64,
    /// [`Heading::Others`].
    pub others: u64,
    /// [`Heading::Tasks`].
    pub tasks: u64,
}

impl Times {
    /// What a guest is told as stolen time (Arm DEN0057): it wanted to run and did not.
    #[must_use]
    pub const fn steal(&self) -> u64 {
        self.waiting
            .saturating_add(self.others)
            .saturating_add(self.tasks)
    }

    /// What the vCPU is charged: it ran, or EL2 worked for it.
    #[must_use]
    pub const fn charged(&self) -> u64 {
        self.guest.saturating_add(self.own)
    }

    /// The same with `ticks` of the guest's time (no more than there are) under [`Heading::Own`] instead.
    #[must_use]
    pub fn guest_to_own(mut self, ticks: u64) -> Self {
        shift(&mut self.guest, &mut self.own, ticks);
        self
    }

    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.steal()
            .saturating_add(self.charged())
            .saturating_add(self.asleep)
    }
}

/// Books `ticks` elsewhere, as far as there are so many.
#[inline(always)]
fn shift(from: &mut u64, to: &mut u64, ticks: u64) {
    let ticks = ticks.min(*from);
    *from = from.wrapping_sub(ticks);
    *to = to.saturating_add(ticks);
}

/// One vCPU's account.
///
/// The calls of a vCPU's life: `ready` and `run` from the scheduler's side, `enter_guest` and `exit_guest`
/// around the guest, `others_begin` and `others_end` around work for others, `leave_core` or `asleep` when it
/// leaves the core. A call that does not fit the present heading books the time and changes the heading all
/// the same: nothing is ever lost or counted twice. A clock that runs backwards books nothing.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    heading: Heading,
    since: u64,
    /// By heading: whose time is booked is a place in memory, not a decision.
    booked: [u64; HEADINGS],
    /// What `others_end` goes back to.
    interrupted: Heading,
    /// What `tasks_end` goes back to.
    put_off: Heading,
}

impl Account {
    /// Opens an account, asleep.
    #[must_use]
    pub const fn new(now: u64) -> Self {
        Account {
            heading: Heading::Asleep,
            since: now,
            booked: [0; HEADINGS],
            interrupted: Heading::Own,
            put_off: Heading::Own,
        }
    }

    /// It has become ready and waits for a core. No effect on one that is on a core.
    pub fn ready(&mut self, now: u64) {
        if matches!(self.heading, Heading::Asleep) {
            self.turn(Heading::Waiting, now);
        }
    }

    /// A core has taken it up; EL2 prepares its entry.
    pub fn run(&mut self, now: u64) {
        self.turn(Heading::Own, now);
    }

    /// The guest is entered.
    #[inline(always)]
    pub fn enter_guest(&mut self, now: u64) {
        self.turn(Heading::Guest, now);
    }

    /// The guest is left. Until [`others_begin`](Self::others_begin) says otherwise, on its own behalf.
    #[inline(always)]
    pub fn exit_guest(&mut self, now: u64) {
        self.turn(Heading::Own, now);
    }

    /// Of the time booked as the guest's, `ticks` were spent in EL2 on its behalf: stays so brief that they were
    /// counted instead of booked.
    #[inline(always)]
    pub fn guest_to_own(&mut self, ticks: u64) {
        let [_, _, guest, own, _, _] = &mut self.booked;
        shift(guest, own, ticks);
    }

    /// EL2 turns to work for others while this vCPU is on the core, for instance an interrupt of another VM.
    /// Not nested: the outermost pair counts.
    pub fn others_begin(&mut self, now: u64) {
        if !matches!(self.heading, Heading::Others) {
            self.interrupted = self.heading;
            self.turn(Heading::Others, now);
        }
    }

    /// That work is done. Returns how many ticks it took, for `Policy::refund`.
    pub fn others_end(&mut self, now: u64) -> u64 {
        if !matches!(self.heading, Heading::Others) {
            return 0;
        }
        let taken = now.saturating_sub(self.since);
        self.turn(self.interrupted, now);
        taken
    }

    /// Of the time up to `now`, the last `ticks` went to others: [`others_begin`](Self::others_begin) and
    /// [`others_end`](Self::others_end) in one, by who counted meanwhile.
    pub fn others(&mut self, now: u64, ticks: u64) {
        if ticks != 0 {
            self.others_begin(now.saturating_sub(ticks));
            self.others_end(now);
        }
    }

    /// The core was taken from it, or it has `stopped`, or it sleeps ([`asleep`](Self::asleep)) and has not become
    /// [`ready`](Self::ready) since. Of the time up to `now` the last `ticks` went to others.
    pub fn leave_core(&mut self, now: u64, ticks: u64, stopped: bool) {
        let asleep = stopped || matches!(self.heading, Heading::Asleep);
        let begun = now.saturating_sub(ticks).max(self.since);
        self.turn(Heading::Others, begun);
        let next = if asleep {
            Heading::Asleep
        } else {
            Heading::Waiting
        };
        self.turn(next, now);
    }

    /// EL2 turns to background tasks while this vCPU is on the core. Interrupts may come meanwhile; they are booked apart.
    /// Not nested: the outermost pair counts.
    pub fn tasks_begin(&mut self, now: u64) {
        if !matches!(self.heading, Heading::Tasks) {
            self.put_off = self.heading;
            self.turn(Heading::Tasks, now);
        }
    }

    /// They are done, or put off. Returns how many ticks they took, without interrupts that came last, for
    /// `Policy::refund`.
    pub fn tasks_end(&mut self, now: u64) -> u64 {
        if !matches!(self.heading, Heading::Tasks) {
            return 0;
        }
        let taken = now.saturating_sub(self.since);
        self.turn(self.put_off, now);
        taken
    }

    /// It has blocked or stopped.
    pub fn asleep(&mut self, now: u64) {
        self.turn(Heading::Asleep, now);
    }

    /// What its time is being spent on.
    #[must_use]
    pub const fn heading(&self) -> Heading {
        self.heading
    }

    /// Ticks up to `now` that were stolen from it ([`Times::steal`]): what PV time publishes. Never falls.
    #[must_use]
    pub fn stolen(&self, now: u64) -> u64 {
        self.times(now).steal()
    }

    /// The times up to `now`.
    #[must_use]
    pub fn times(&self, now: u64) -> Times {
        let mut copy = *self;
        copy.turn(self.heading, now);
        let [asleep, waiting, guest, own, others, tasks] = copy.booked;
        Times {
            asleep,
            waiting,
            guest,
            own,
            others,
            tasks,
        }
    }

    /// Books the time since the last call and changes the heading.
    #[inline(always)]
    fn turn(&mut self, next: Heading, now: u64) {
        let elapsed = now.saturating_sub(self.since);
        if let Some(entry) = self.booked.get_mut(self.heading as usize) {
            *entry = entry.wrapping_add(elapsed);
        }
        self.since = self.since.wrapping_add(elapsed);
        self.heading = next;
    }
}
