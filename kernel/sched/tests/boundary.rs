//! Stopping and pausing what EL2 works for: it goes on to its boundary, and halts there and nowhere else.
//!
//! Each of the first three was a defect once: a vCPU, or who had asked for its pause, waited for ever.

mod machine;

use machine::Machine;
use sched::{Any, Boundary, Config, Kind, Params, Policy, State, VcpuId, Window};

const WINDOWS: [Window; 1] = [Window {
    start_us: 0,
    length_us: 1_000_000,
    cores: 1,
    partition: 0,
}];

const ID: VcpuId = VcpuId(0);
/// Another, asleep.
const URGENT: VcpuId = VcpuId(1);

/// A vCPU alone on a core, and what is asked of it.
struct Asked {
    machine: Machine<Any<4, 8>>,
    boundary: Boundary,
}

impl Asked {
    fn new(kind: Kind) -> Self {
        let mut scheduler = Any::of(kind);
        let config = Config {
            slice: 10_000,
            frequency: 1_000_000,
            frame_us: 1_000_000,
            windows: &WINDOWS,
        };
        scheduler.configure(&config).unwrap();
        // The null policy has room for one on a core.
        let other = (kind != Kind::Null).then(|| Params::shared(1, 256).urgent(9));
        let params = [Params::shared(1, 256).urgent(5)].into_iter().chain(other);
        let mut machine = Machine::new(scheduler, 1, params.collect()).with_online(1);
        machine.start(0);
        machine.settle();
        let boundary = Boundary::new();
        Asked { machine, boundary }
    }

    fn ask<K: IntoIterator<Item = usize>>(
        &mut self,
        what: impl FnOnce(&Boundary, &mut Any<4, 8>, u64) -> K,
    ) {
        let kicks = what(&self.boundary, &mut self.machine.policy, self.machine.now);
        self.machine.kick(kicks);
    }

    fn pause(&mut self) {
        self.ask(|boundary, policy, now| boundary.pause(policy, ID, now));
    }

    fn unpause(&mut self) {
        self.ask(|boundary, policy, now| boundary.unpause(policy, ID, now).into_iter().flatten());
    }

    fn stop(&mut self) {
        self.ask(|boundary, policy, now| boundary.stop(policy, ID, now).into_iter().flatten());
    }

    /// One that is more urgent waits for it to be quiet; whether that makes it more urgent than it is by itself.
    fn hurry(&mut self) -> bool {
        self.ask(|boundary, policy, now| boundary.hurry(policy, ID, URGENT, now));
        self.is_hurried()
    }

    fn is_hurried(&self) -> bool {
        self.machine.policy.key(ID) == self.machine.policy.key(URGENT)
    }

    /// EL2's work for it waits for something, in the middle.
    fn sleeps(&mut self) -> bool {
        self.machine.policy.prepare_block(0);
        let now = self.machine.now;
        let sleeps = self.boundary.sleep(&mut self.machine.policy, ID, 0, now);
        if sleeps {
            self.machine.schedule(0);
            self.machine.saved(0);
        }
        sleeps
    }

    /// It is left in the middle for another.
    fn left(&mut self) {
        let now = self.machine.now;
        self.boundary.leave(&mut self.machine.policy, ID, 0, now);
    }

    /// The core goes on with it, if the scheduler lets it; whether it does.
    fn goes_on(&mut self) -> bool {
        self.machine.settle();
        let runs = self.machine.policy.state(ID) == State::Running(0);
        if runs {
            self.boundary.go_on();
        }
        runs && self.machine.cores[0].running == Some(ID)
    }

    fn at_boundary(&mut self) -> bool {
        let now = self.machine.now;
        let halts = self.boundary.reached(&mut self.machine.policy, ID, now);
        self.machine.kick([0]);
        self.machine.settle();
        halts
    }

    fn is_quiet(&self) -> bool {
        self.boundary.is_quiet(&self.machine.policy, ID)
    }
}

/// It slept for ever, and whoever had asked for the pause waited for it.
#[test]
fn one_that_sleeps_inside_a_pause_is_woken_and_pauses_at_its_boundary() {
    for kind in Kind::ALL {
        let mut asked = Asked::new(kind);
        // The core has not looked yet: EL2 works, and then has to wait.
        asked.pause();
        assert!(asked.sleeps(), "{kind:?}");
        assert!(!asked.is_quiet(), "{kind:?}: in the middle");
        asked.machine.post(0);
        assert!(asked.goes_on(), "{kind:?}: nobody wakes it");
        assert!(asked.at_boundary(), "{kind:?}");
        assert!(asked.is_quiet(), "{kind:?}");
        asked.unpause();
        assert!(asked.goes_on(), "{kind:?}");
    }
}

/// The same if it was asleep, or left for another, when the pause came.
#[test]
fn one_that_is_paused_in_the_middle_goes_on_to_its_boundary() {
    for kind in Kind::ALL {
        let mut asked = Asked::new(kind);
        assert!(asked.sleeps(), "{kind:?}");
        asked.pause();
        asked.machine.post(0);
        assert!(asked.goes_on(), "{kind:?}: asleep");
        asked.left();
        assert!(!asked.is_quiet(), "{kind:?}: left for another");
        assert!(asked.goes_on(), "{kind:?}: left for another");
        assert!(asked.at_boundary() && asked.is_quiet(), "{kind:?}");

        let mut asked = Asked::new(kind);
        asked.pause();
        asked.left();
        assert!(asked.goes_on(), "{kind:?}: paused, then left");
        assert!(asked.at_boundary() && asked.is_quiet(), "{kind:?}");
    }
}

/// Its core saw the pause, went for the lock, and carried out what had been taken back: nobody took it back again.
#[test]
fn a_pause_that_ends_before_the_boundary_has_the_lock_is_not_carried_out() {
    for kind in Kind::ALL {
        let mut asked = Asked::new(kind);
        asked.left();
        asked.pause();
        assert!(asked.goes_on(), "{kind:?}");
        assert!(asked.boundary.is_asked());
        asked.unpause();
        assert!(!asked.at_boundary(), "{kind:?}");
        assert!(asked.goes_on(), "{kind:?}: it stays paused for ever");
    }
}

#[test]
fn one_that_is_stopped_in_the_middle_is_woken_stays_awake_and_stops_at_its_boundary() {
    for kind in Kind::ALL {
        let mut asked = Asked::new(kind);
        assert!(asked.sleeps());
        asked.pause();
        // What it waits for does not happen; a pause is no reason to keep it.
        asked.stop();
        assert!(asked.goes_on(), "{kind:?}");
        assert!(asked.boundary.stops() && !asked.is_quiet(), "{kind:?}");
        // Again, while it runs: the policy stops it at once, and that is put off.
        asked.stop();
        assert!(
            !asked.sleeps(),
            "{kind:?}: what it waits for may never happen"
        );
        assert!(asked.at_boundary(), "{kind:?}");
        assert!(asked.machine.policy.is_off(ID), "{kind:?}");
    }
}

/// A vCPU turned itself off while its VM was paused: it returned from CPU_OFF, or was never turned on again.
#[test]
fn a_pause_and_its_end_do_not_undo_a_stop() {
    let pauses: [fn(&mut Asked); 3] = [Asked::pause, Asked::unpause, |asked| {
        asked.pause();
        asked.unpause();
    }];
    for kind in Kind::ALL {
        for pause in pauses {
            let mut asked = Asked::new(kind);
            asked.left();
            asked.stop();
            pause(&mut asked);
            assert!(
                asked.goes_on(),
                "{kind:?}: the pause keeps it from stopping"
            );
            assert!(asked.boundary.stops() && asked.at_boundary(), "{kind:?}");
            assert!(asked.machine.policy.is_off(ID), "{kind:?}");

            // It stops by itself, is paused before its core has looked, and is left for another then.
            let mut asked = Asked::new(kind);
            asked.stop();
            pause(&mut asked);
            asked.left();
            assert!(
                asked.goes_on(),
                "{kind:?}: the pause keeps it from stopping"
            );
            assert!(asked.at_boundary(), "{kind:?}");
            assert!(asked.machine.policy.is_off(ID), "{kind:?}");
        }
    }
}

/// Who had asked saw a core hold its registers still, and heard no more of it: a VM's end never came.
#[test]
fn who_asks_while_registers_are_being_saved_finds_it_quiet_or_is_told() {
    let requests: [fn(&mut Asked); 2] = [Asked::stop, Asked::pause];
    for kind in Kind::ALL {
        for request in requests {
            // Before the core lets go of it, meanwhile, and afterwards.
            for moment in 0..3 {
                let mut asked = Asked::new(kind);
                asked.machine.settle();
                asked.machine.policy.prepare_block(0);
                assert!(asked.machine.policy.block(0, 0), "{kind:?}");
                let mut told = false;
                let mut quiet = false;
                for step in 0..3 {
                    if step == moment {
                        request(&mut asked);
                        quiet = asked.is_quiet();
                    }
                    match step {
                        0 => assert_eq!(asked.machine.schedule(0).leave, Some(ID), "{kind:?}"),
                        1 => {
                            asked.machine.cores[0].leaving = None;
                            let policy = &mut asked.machine.policy;
                            told = asked.boundary.saved(policy, ID, 0, 0).1;
                        }
                        _ => {}
                    }
                }
                assert!(
                    quiet != told,
                    "{kind:?} {moment}: quiet {quiet}, told {told}"
                );
                assert!(asked.is_quiet(), "{kind:?} {moment}");
            }
        }
    }
}

/// Or it would never run again after its next start.
#[test]
fn a_stop_ends_a_pause() {
    for kind in Kind::ALL {
        let mut asked = Asked::new(kind);
        asked.pause();
        asked.machine.settle();
        assert!(asked.is_quiet(), "{kind:?}");
        asked.stop();
        asked.machine.settle();
        assert!(asked.machine.policy.is_off(ID), "{kind:?}");
        asked.boundary.fresh();
        asked.machine.start(0);
        assert!(asked.goes_on(), "{kind:?}");
    }
}

/// What was lent for a pause went on when that had ended, for as long as whoever had asked for it did not look: a guest's
/// operation that is never continued.
#[test]
fn who_waits_for_it_to_halt_lends_it_urgency_until_it_halts_or_may_go_on() {
    let left = || {
        let mut asked = Asked::new(Kind::FixedPriority);
        asked.left();
        assert!(!asked.hurry(), "nothing is asked of it");
        asked.pause();
        assert!(asked.hurry());
        asked
    };
    let mut resumed = left();
    resumed.unpause();
    assert!(!resumed.is_hurried(), "it may go on");
    assert!(!resumed.hurry(), "it is not to halt any more");

    let mut halted = left();
    assert!(halted.goes_on() && halted.at_boundary());
    assert!(!halted.is_hurried() && halted.is_quiet());
    assert!(!halted.hurry(), "it stands");

    // Asked, and hurried, while it is on a core and in the middle of nothing.
    let mut saved = Asked::new(Kind::FixedPriority);
    saved.pause();
    assert!(saved.hurry());
    assert_eq!(saved.machine.schedule(0).leave, Some(ID));
    saved.machine.cores[0].leaving = None;
    saved.boundary.saved(&mut saved.machine.policy, ID, 0, 0);
    assert!(!saved.is_hurried() && saved.is_quiet());
}
