//! The power states of one VM's vCPUs, and the calls that read or change them.
//!
//! A vCPU goes Off → OnPending → On → Off and no other way: `CPU_ON` makes the first step and the
//! hypervisor, when the vCPU is set up to run, the second ([`Psci::started`]).

use abi::{psci, smccc};

use crate::{Entry, Firmware, Outcome, affinity, stateless::stateless};

/// The power state of a vCPU (DEN0022, AFFINITY_INFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Off.
    Off,
    /// Turned on by a call, not yet running.
    OnPending,
    /// On, which includes suspended.
    On,
}

/// The power controller of one VM with at most `N` vCPUs.
#[derive(Clone, Debug)]
pub struct Psci<const N: usize> {
    vcpus: [Power; N],
    count: usize,
}

impl<const N: usize> Psci<N> {
    /// A VM that is off and has no vCPUs: see [`Psci::boot`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            vcpus: [Power::Off; N],
            count: 0,
        }
    }

    /// The VM starts, or starts again, with `count` vCPUs (at most `N`; more do not exist): vCPU 0 is on,
    /// the others are off.
    pub fn boot(&mut self, count: usize) {
        self.count = count.min(N);
        self.vcpus = [Power::Off; N];
        if let Some(first) = self.vcpus.first_mut() {
            *first = Power::On;
        }
    }

    /// The VM has ended: all its vCPUs are off.
    pub fn power_off(&mut self) {
        self.vcpus = [Power::Off; N];
    }

    /// vCPU `vcpu`, whose start [`Outcome::CpuOn`] asked for, is ready to run. Does nothing to one that is
    /// not on its way.
    pub fn started(&mut self, vcpu: usize) {
        if let Some(power) = self.vcpus.get_mut(vcpu)
            && *power == Power::OnPending
        {
            *power = Power::On;
        }
    }

    /// The power state of a vCPU; one that does not exist is off.
    #[must_use]
    pub fn power(&self, vcpu: usize) -> Power {
        self.vcpus.get(vcpu).copied().unwrap_or(Power::Off)
    }

    /// Carries out a call of vCPU `caller`: `x0` holds the function identifier, `args` x1 to x3.
    /// `in_memory` says whether the guest may execute at a guest physical address.
    ///
    /// The state changes at once; the outcome says what else must happen.
    pub fn call(
        &mut self,
        caller: usize,
        x0: u64,
        args: [u64; 3],
        firmware: &Firmware,
        in_memory: impl Fn(u64) -> bool,
    ) -> Outcome {
        let function = x0 as u32;
        if let Some(outcome) = stateless(function, args[0], firmware) {
            return outcome;
        }
        let [a, b, c] = if function & smccc::CC64 == 0 {
            args.map(|arg| arg & 0xffff_ffff)
        } else {
            args
        };
        match function {
            psci::CPU_ON_32 | psci::CPU_ON_64 => {
                let entry = Entry {
                    address: b,
                    context: c,
                };
                self.cpu_on(a, entry, in_memory)
            }
            psci::CPU_OFF => self.cpu_off(caller),
            psci::AFFINITY_INFO_32 | psci::AFFINITY_INFO_64 => {
                Outcome::Return(self.affinity_info(a, b))
            }
            psci::CPU_SUSPEND_32 | psci::CPU_SUSPEND_64 => cpu_suspend(a, b, in_memory),
            psci::SYSTEM_SUSPEND_32 | psci::SYSTEM_SUSPEND_64 => {
                let entry = Entry {
                    address: a,
                    context: b,
                };
                self.system_suspend(caller, entry, in_memory)
            }
            psci::SYSTEM_RESET2_32 | psci::SYSTEM_RESET2_64 => system_reset2(a, b),
            _ => Outcome::NOT_SUPPORTED,
        }
    }

    /// `CPU_ON` (DEN0022).
    fn cpu_on(&mut self, target: u64, entry: Entry, in_memory: impl Fn(u64) -> bool) -> Outcome {
        let Some(target) = affinity::vcpu(target, self.count) else {
            return Outcome::Return(psci::INVALID_PARAMETERS);
        };
        let Some(power) = self.vcpus.get_mut(target) else {
            return Outcome::Return(psci::INVALID_PARAMETERS);
        };
        match power {
            Power::On => Outcome::Return(psci::ALREADY_ON),
            Power::OnPending => Outcome::Return(psci::ON_PENDING),
            Power::Off if !enterable(entry.address, in_memory) => {
                Outcome::Return(psci::INVALID_ADDRESS)
            }
            Power::Off => {
                *power = Power::OnPending;
                Outcome::CpuOn { target, entry }
            }
        }
    }

    /// `CPU_OFF` (DEN0022). Never `DENIED`: no Trusted OS sits on any vCPU.
    fn cpu_off(&mut self, caller: usize) -> Outcome {
        if let Some(power) = self.vcpus.get_mut(caller) {
            *power = Power::Off;
        }
        let last = self.vcpus.iter().all(|power| *power == Power::Off);
        Outcome::CpuOff { last }
    }

    /// `AFFINITY_INFO` (DEN0022), at every level.
    fn affinity_info(&self, target: u64, level: u64) -> u64 {
        let instance = affinity::instance(target, level, self.count);
        let Some(powers) = instance.and_then(|range| self.vcpus.get(range)) else {
            return psci::INVALID_PARAMETERS;
        };
        if powers.contains(&Power::On) {
            psci::affinity::ON
        } else if powers.contains(&Power::OnPending) {
            psci::affinity::ON_PENDING
        } else {
            psci::affinity::OFF
        }
    }

    /// `SYSTEM_SUSPEND` (DEN0022): only for the last core that is on.
    fn system_suspend(
        &self,
        caller: usize,
        entry: Entry,
        in_memory: impl Fn(u64) -> bool,
    ) -> Outcome {
        let mut others = self.vcpus.iter().enumerate().filter(|(n, _)| *n != caller);
        if others.any(|(_, power)| *power != Power::Off) {
            Outcome::Return(psci::DENIED)
        } else if enterable(entry.address, in_memory) {
            Outcome::SystemSuspend { entry }
        } else {
            Outcome::Return(psci::INVALID_ADDRESS)
        }
    }
}

impl<const N: usize> Default for Psci<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a core can start at `address`.
fn enterable(address: u64, in_memory: impl Fn(u64) -> bool) -> bool {
    address & 3 == 0 && in_memory(address)
}

/// `CPU_SUSPEND` (DEN0022). A power-down state is checked and then entered as a standby state, which
/// the specification allows (the request may be downgraded; the call then returns `SUCCESS`).
fn cpu_suspend(power_state: u64, entry: u64, in_memory: impl Fn(u64) -> bool) -> Outcome {
    /// Bits 31:26 and 23:17 of the original format must be zero. The argument is 32 bits wide in the
    /// 64-bit call too.
    const RESERVED: u32 = !0x0301_ffff;
    /// StateType: power-down.
    const POWER_DOWN: u64 = 1 << 16;
    if power_state as u32 & RESERVED != 0 {
        Outcome::Return(psci::INVALID_PARAMETERS)
    } else if power_state & POWER_DOWN != 0 && !enterable(entry, in_memory) {
        Outcome::Return(psci::INVALID_ADDRESS)
    } else {
        Outcome::Suspend
    }
}

/// `SYSTEM_RESET2` (DEN0022): type 0 is the only architectural one, and there are no vendor types.
fn system_reset2(kind: u64, cookie: u64) -> Outcome {
    if kind as u32 == 0 {
        Outcome::SystemReset2 { cookie }
    } else {
        Outcome::Return(psci::INVALID_PARAMETERS)
    }
}

#[cfg(test)]
#[path = "power_tests.rs"]
mod tests;
