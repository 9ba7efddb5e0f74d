//! A PL031 real-time clock r1p3 (Arm DDI 0224C): a 32-bit count of seconds, and an alarm.
//!
//! Guarantees: the count advances by one for every second of the machine's counter, across its wrap-around;
//! the alarm is raised when the count becomes equal to `RTCMR`, and [`Pl031::deadline`] names that moment.
//! Does not: know what time it is (whoever starts it says so) nor stop: it is enabled from the start and
//! stays so, as the hardware does once enabled.
//!
//! `now` is the machine's physical count in ticks; it never goes back.

use crate::lane::{Lane, identification};

/// Register offsets (DDI 0224C §3.2).
mod offset {
    pub const DR: u64 = 0x00;
    pub const MR: u64 = 0x04;
    pub const LR: u64 = 0x08;
    pub const CR: u64 = 0x0c;
    pub const IMSC: u64 = 0x10;
    pub const RIS: u64 = 0x14;
    pub const MIS: u64 = 0x18;
    pub const ICR: u64 = 0x1c;
}

/// `RTCPeriphID0` to 3 and `RTCPCellID0` to 3 (§3.3.9, §3.3.10).
const IDENTIFICATION: [u8; 8] = [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// The clock.
#[derive(Clone, Debug)]
pub struct Pl031 {
    /// Ticks in a second.
    hz: u64,
    /// The count at the tick `set_at`.
    lr: u32,
    set_at: u64,
    mr: u32,
    /// The tick at which the count will next become `mr`; `None`: not in the counter's lifetime.
    alarm: Option<u64>,
    masked_in: bool,
    raised: bool,
}

impl Pl031 {
    /// A clock that stands still at 0 until [`Pl031::start`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            hz: 0,
            lr: 0,
            set_at: 0,
            mr: 0,
            alarm: None,
            masked_in: false,
            raised: false,
        }
    }

    /// Resets the clock: at the tick `now` it is `seconds` (since 1970, for every guest we know). A second
    /// has `hz` ticks; 0 lets it stand still.
    pub fn start(&mut self, hz: u64, now: u64, seconds: u32) {
        *self = Self {
            hz,
            lr: seconds,
            set_at: now,
            ..Self::new()
        };
        // A clock that is set to RTCMR's reset value has not reached it by counting.
        self.arm_next(now);
    }

    /// The guest reads `size` bytes at `offset`.
    pub fn read(&mut self, offset: u64, size: u8, now: u64) -> u64 {
        self.poll(now);
        let lane = Lane::new(offset, size);
        let value = match lane.register {
            offset::DR => self.count(now),
            offset::MR => self.mr,
            offset::LR => self.lr,
            offset::CR => 1,
            offset::IMSC => self.masked_in.into(),
            offset::RIS => self.raised.into(),
            offset::MIS => self.irq().into(),
            other => identification(other, &IDENTIFICATION),
        };
        lane.read(value)
    }

    /// The guest writes `size` bytes at `offset`. Can change [`Pl031::irq`] and [`Pl031::deadline`].
    pub fn write(&mut self, offset: u64, size: u8, value: u64, now: u64) {
        self.poll(now);
        let lane = Lane::new(offset, size);
        let Some(value) = lane.write(value) else {
            return;
        };
        match lane.register {
            offset::MR => {
                self.mr = value;
                self.arm(now);
            }
            offset::LR => {
                self.lr = value;
                self.set_at = now;
                self.arm(now);
            }
            offset::IMSC => self.masked_in = value & 1 != 0,
            offset::ICR if value & 1 != 0 => self.raised = false,
            // RTCCR: once enabled, writes have no effect (§3.3.4).
            _ => {}
        }
    }

    /// Time has passed: raises the alarm if it is due. To be called at [`Pl031::deadline`].
    pub fn poll(&mut self, now: u64) {
        if self.alarm.is_some_and(|at| now >= at) {
            self.raised = true;
            self.arm_next(now);
        }
    }

    /// The level of the interrupt, `RTCINTR`, as of the last access or [`Pl031::poll`].
    #[inline]
    #[must_use]
    pub const fn irq(&self) -> bool {
        self.raised && self.masked_in
    }

    /// The tick at which [`Pl031::irq`] will rise if nobody touches the clock; `None` if it will not.
    #[inline]
    #[must_use]
    pub const fn deadline(&self) -> Option<u64> {
        if self.masked_in && !self.raised {
            self.alarm
        } else {
            None
        }
    }

    /// Whole seconds since the count was set.
    fn elapsed(&self, now: u64) -> u64 {
        let ticks = now.saturating_sub(self.set_at);
        ticks.checked_div(self.hz).unwrap_or(0)
    }

    fn count(&self, now: u64) -> u32 {
        self.lr.wrapping_add(self.elapsed(now) as u32)
    }

    /// `RTCMR` or the count was written: raise the alarm if they are equal, and find the next time.
    fn arm(&mut self, now: u64) {
        if self.count(now) == self.mr {
            self.raised = true;
        }
        self.arm_next(now);
    }

    /// Finds the next tick after `now` at which the count becomes equal to `RTCMR`.
    fn arm_next(&mut self, now: u64) {
        const WRAP: u64 = 1 << 32;
        let distance = match self.mr.wrapping_sub(self.count(now)) {
            0 => WRAP,
            seconds => u64::from(seconds),
        };
        self.alarm = if self.hz == 0 {
            None
        } else {
            self.elapsed(now)
                .checked_add(distance)
                .and_then(|seconds| seconds.checked_mul(self.hz))
                .and_then(|ticks| ticks.checked_add(self.set_at))
        };
    }
}

impl Default for Pl031 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const HZ: u64 = 1000;
    const START: u64 = 77;

    fn clock(seconds: u32) -> Pl031 {
        let mut clock = Pl031::new();
        clock.start(HZ, START, seconds);
        clock
    }

    fn read(clock: &mut Pl031, offset: u64, now: u64) -> u32 {
        clock.read(offset, 4, now) as u32
    }

    fn write(clock: &mut Pl031, offset: u64, value: u32, now: u64) {
        clock.write(offset, 4, value.into(), now);
    }

    #[test]
    fn reset_values_are_those_of_a_running_clock() {
        let mut clock = clock(500);
        let values: Vec<u32> = (0..8).map(|n| read(&mut clock, 4 * n, START)).collect();
        assert_eq!(values, [500, 0, 500, 1, 0, 0, 0, 0]);
        let ids: Vec<u32> = (0..8)
            .map(|n| read(&mut clock, 0xfe0 + 4 * n, START))
            .collect();
        assert_eq!(ids, [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    }

    #[test]
    fn a_clock_started_at_zero_has_no_alarm() {
        let mut clock = clock(0);
        write(&mut clock, offset::IMSC, 1, START);
        assert!(!clock.irq());
    }

    #[test]
    fn the_count_advances_on_whole_seconds() {
        let mut clock = clock(500);
        assert_eq!(read(&mut clock, offset::DR, START + HZ - 1), 500);
        assert_eq!(read(&mut clock, offset::DR, START + HZ), 501);
        assert_eq!(read(&mut clock, offset::LR, START + HZ), 500);
    }

    #[test]
    fn loading_sets_the_count() {
        let mut clock = clock(500);
        write(&mut clock, offset::LR, 9, START + 1500);
        assert_eq!(read(&mut clock, offset::DR, START + 1500), 9);
        assert_eq!(read(&mut clock, offset::DR, START + 2500), 10);
    }

    #[test]
    fn the_count_wraps_around() {
        let mut clock = clock(u32::MAX);
        assert_eq!(read(&mut clock, offset::DR, START + HZ), 0);
    }

    #[test]
    fn the_alarm_rises_at_its_second_and_stays_until_cleared() {
        let mut clock = clock(500);
        write(&mut clock, offset::IMSC, 1, START);
        write(&mut clock, offset::MR, 503, START);
        assert_eq!(read(&mut clock, offset::MR, START), 503);
        assert_eq!(clock.deadline(), Some(START + 3 * HZ));
        clock.poll(START + 3 * HZ - 1);
        assert!(!clock.irq());
        clock.poll(START + 3 * HZ);
        assert!(clock.irq());
        assert_eq!(clock.deadline(), None);
        assert_eq!(read(&mut clock, offset::MIS, START + 9 * HZ), 1);
        write(&mut clock, offset::ICR, 1, START + 9 * HZ);
        assert!(!clock.irq());
        assert_eq!(read(&mut clock, offset::RIS, START + 9 * HZ), 0);
    }

    #[test]
    fn an_alarm_at_the_present_second_rises_at_once() {
        let mut clock = clock(500);
        write(&mut clock, offset::IMSC, 1, START);
        write(&mut clock, offset::MR, 500, START + 10);
        assert!(clock.irq());
    }

    #[test]
    fn an_alarm_in_the_past_comes_after_the_wrap() {
        let mut clock = clock(500);
        write(&mut clock, offset::IMSC, 1, START);
        write(&mut clock, offset::MR, 499, START);
        assert_eq!(clock.deadline(), Some(START + (u64::from(u32::MAX)) * HZ));
    }

    #[test]
    fn a_masked_alarm_has_no_deadline_but_is_seen_raw() {
        let mut clock = clock(500);
        write(&mut clock, offset::MR, 501, START);
        assert_eq!(clock.deadline(), None);
        assert_eq!(read(&mut clock, offset::RIS, START + HZ), 1);
        assert_eq!(read(&mut clock, offset::MIS, START + HZ), 0);
        assert!(!clock.irq());
        write(&mut clock, offset::IMSC, 1, START + HZ);
        assert!(clock.irq());
    }

    #[test]
    fn setting_the_clock_moves_the_alarm() {
        let mut clock = clock(500);
        write(&mut clock, offset::IMSC, 1, START);
        write(&mut clock, offset::MR, 600, START);
        write(&mut clock, offset::LR, 590, START + 5);
        assert_eq!(clock.deadline(), Some(START + 5 + 10 * HZ));
    }

    #[test]
    fn it_cannot_be_stopped_and_other_registers_ignore_writes() {
        let mut clock = clock(500);
        for n in [
            offset::DR,
            offset::CR,
            offset::RIS,
            offset::MIS,
            0x20,
            0xfe0,
        ] {
            write(&mut clock, n, 0, START);
        }
        assert_eq!(read(&mut clock, offset::CR, START), 1);
        assert_eq!(read(&mut clock, offset::DR, START), 500);
        clock.write(offset::LR + 1, 1, 3, START);
        assert_eq!(read(&mut clock, offset::LR, START), 500);
    }

    #[test]
    fn a_clock_that_was_not_started_stands_still() {
        let mut clock = Pl031::new();
        write(&mut clock, offset::IMSC, 1, 0);
        write(&mut clock, offset::MR, 5, 0);
        assert_eq!(clock.deadline(), None);
        assert_eq!(read(&mut clock, offset::DR, u64::MAX), 0);
    }

    proptest! {
        #[test]
        fn at_the_deadline_the_alarm_rises_and_the_count_is_the_match(
            hz in 1u64..2_000_000_000, start in 0u64..1 << 40, seconds: u32, mr: u32, later in 0u64..1 << 50,
        ) {
            let mut clock = Pl031::new();
            clock.start(hz, start, seconds);
            let now = start + later;
            write(&mut clock, offset::IMSC, 1, now);
            write(&mut clock, offset::MR, mr, now);
            if let Some(at) = clock.deadline() {
                prop_assert!(at > now);
                clock.poll(at - 1);
                prop_assert!(!clock.irq());
                clock.poll(at);
                prop_assert!(clock.irq());
                prop_assert_eq!(read(&mut clock, offset::DR, at), mr);
            }
        }

        #[test]
        fn any_access_is_defined(
            hz: u64, accesses in prop::collection::vec((any::<bool>(), 0u64..0x1000, any::<u8>(), any::<u64>(), any::<u64>()), 0..100),
        ) {
            let mut clock = Pl031::new();
            clock.start(hz, 0, 0);
            for (is_read, offset, size, value, now) in accesses {
                if is_read {
                    clock.read(offset, size, now);
                } else {
                    clock.write(offset, size, value, now);
                }
            }
        }
    }
}
