//! PSCI (DEN0022) and SMCCC (DEN0028): versions, return codes, a vCPU off and on again.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::{psci, smccc};

use crate::mrs;
use crate::rt::firmware::{call, hvc, smc};
use crate::rt::gic;
use crate::rt::report::{check, equal};
use crate::rt::timer::{ENABLE, Timer};
use crate::rt::{Machine, cpu, smp};

/// Times the second vCPU has been started.
static STARTS: AtomicU32 = AtomicU32::new(0);
/// DAIF of its last start.
static DAIF: AtomicU32 = AtomicU32::new(0);

/// Runs the checks.
pub fn run(machine: &'static Machine) {
    versions(machine);
    codes(machine);
    if machine.cpus > 1 {
        off_and_on(machine);
    }
    if super::timers::can_sleep() {
        suspend();
    }
    if machine.in_vm {
        convention();
    }
}

fn versions(machine: &Machine) {
    let version = call(psci::VERSION, [0; 3]);
    check(
        "PSCI_VERSION",
        (0x1_0000..0x2_0000).contains(&version),
        version,
    );
    equal(
        "upper half of the function identifier",
        hvc_with_noise(machine),
        version,
    );
    for function in [
        psci::CPU_ON_64,
        psci::CPU_OFF,
        psci::SYSTEM_OFF,
        psci::SYSTEM_RESET,
        psci::AFFINITY_INFO_64,
    ] {
        equal(
            "FEATURES of a mandatory function",
            call(psci::FEATURES, [function.into(), 0, 0]),
            psci::SUCCESS,
        );
    }
    equal(
        "FEATURES of nothing",
        call(psci::FEATURES, [0x8400_00ff, 0, 0]),
        psci::NOT_SUPPORTED,
    );
    if machine.in_vm {
        equal("PSCI 1.1", version, psci::VERSION_1_1);
        equal(
            "FEATURES of SMCCC_VERSION",
            call(psci::FEATURES, [smccc::VERSION.into(), 0, 0]),
            psci::SUCCESS,
        );
        equal(
            "SMCCC_VERSION",
            call(smccc::VERSION, [0; 3]),
            smccc::VERSION_1_2,
        );
        equal(
            "ARCH_FEATURES of itself",
            call(smccc::ARCH_FEATURES, [smccc::ARCH_FEATURES.into(), 0, 0]),
            smccc::SUCCESS,
        );
        equal(
            "ARCH_FEATURES of nothing",
            call(smccc::ARCH_FEATURES, [0x8000_1234, 0, 0]),
            smccc::NOT_SUPPORTED,
        );
    }
}

/// Only w0 names the function.
fn hvc_with_noise(machine: &Machine) -> u64 {
    let function = 0xdead_beef_0000_0000 | u64::from(psci::VERSION);
    if machine.smc {
        smc(function, [0; 3])[0]
    } else if machine.in_vm {
        hvc(function, [0; 3])[0]
    } else {
        call(psci::VERSION, [0; 3])
    }
}

fn codes(machine: &Machine) {
    let me = mrs!("mpidr_el1") & 0xff_00ff_ffff;
    equal(
        "unknown function",
        call(0x8400_00fe, [0; 3]),
        psci::NOT_SUPPORTED,
    );
    equal(
        "AFFINITY_INFO of me",
        call(psci::AFFINITY_INFO_64, [me, 0, 0]),
        psci::affinity::ON,
    );
    equal(
        "AFFINITY_INFO of nobody",
        call(psci::AFFINITY_INFO_64, [0x77, 0, 0]),
        psci::INVALID_PARAMETERS,
    );
    equal(
        "CPU_ON of me",
        call(psci::CPU_ON_64, [me, smp::entry(), 0]),
        psci::ALREADY_ON,
    );
    equal(
        "CPU_ON of nobody",
        call(psci::CPU_ON_64, [0x77, smp::entry(), 0]),
        psci::INVALID_PARAMETERS,
    );
    equal(
        "CPU_ON of nobody, 32-bit",
        call(psci::CPU_ON_32, [0x77, smp::entry(), 0]),
        psci::INVALID_PARAMETERS,
    );
    let kind = call(psci::MIGRATE_INFO_TYPE, [0; 3]);
    check(
        "no Trusted OS to migrate",
        kind == 2 || kind == psci::NOT_SUPPORTED,
        kind,
    );
    if machine.in_vm && machine.cpus > 1 {
        let answer = call(psci::CPU_ON_64, [machine.mpidr[1], 0xffff_ffff_f000, 0]);
        equal("CPU_ON at no memory", answer, psci::INVALID_ADDRESS);
    }
}

fn off_and_on(machine: &'static Machine) {
    let other = machine.mpidr[1];
    let state = || call(psci::AFFINITY_INFO_64, [other, 0, 0]);
    for round in 1..=3 {
        check(
            "it is off",
            cpu::wait_us(2_000_000, || state() == psci::affinity::OFF),
            state(),
        );
        smp::start_others(machine, |number| {
            if number == 1 {
                DAIF.store(mrs!("daif") as u32, Ordering::Relaxed);
                STARTS.fetch_add(1, Ordering::Release);
                cpu::wait_us(2_000_000, || DAIF.load(Ordering::Relaxed) == 0);
            }
        });
        check(
            "it starts",
            cpu::wait_us(2_000_000, || STARTS.load(Ordering::Acquire) == round),
            state(),
        );
        equal("it is on", state(), psci::affinity::ON);
        equal(
            "it cannot be switched on twice",
            call(psci::CPU_ON_64, [other, smp::entry(), 1]),
            psci::ALREADY_ON,
        );
        equal(
            "it starts with everything masked",
            u64::from(DAIF.load(Ordering::Relaxed)),
            0x3c0,
        );
        DAIF.store(0, Ordering::Release);
    }
    check(
        "it is off again",
        cpu::wait_us(2_000_000, || state() == psci::affinity::OFF),
        state(),
    );
}

/// A standby state ends with a pending interrupt, also a masked one.
fn suspend() {
    let timer = Timer::Virtual;
    cpu::mask();
    gic::enable(timer.intid());
    let due = timer.count() + cpu::frequency() / 500;
    timer.set_compare(due);
    timer.set_control(ENABLE);
    let answer = call(psci::CPU_SUSPEND_64, [0, 0, 0]);
    equal("CPU_SUSPEND to standby", answer, psci::SUCCESS);
    check(
        "it ends for the timer",
        cpu::wait_us(1_000_000, || timer.count() >= due),
        timer.count(),
    );
    timer.set_control(0);
    gic::disable(timer.intid());
}

/// x4 to x17 survive a call (SMCCC 1.1 and later), unknown identifiers are answered, by HVC and by SMC.
fn convention() {
    let (mut x0, mut damage): (u64, u64) = (smccc::VERSION.into(), 0);
    // SAFETY: a call that writes x0 to x3 at most; all others are checked and declared.
    unsafe {
        asm!(
            "mov x4, #4", "mov x5, #5", "mov x6, #6", "mov x7, #7", "mov x8, #8", "mov x9, #9", "mov x10, #10",
            "mov x11, #11", "mov x12, #12", "mov x13, #13", "mov x14, #14", "mov x15, #15", "mov x16, #16",
            "mov x17, #17",
            "hvc #0",
            "eor x4, x4, #4", "eor x8, x8, #8", "eor x16, x16, #16", "sub x5, x5, #5", "sub x9, x9, #9",
            "sub x17, x17, #17", "sub x13, x13, #13", "sub x10, x10, #10", "sub x11, x11, #11",
            "eor x6, x6, #6", "eor x7, x7, #7", "eor x12, x12, #12", "eor x14, x14, #14", "eor x15, x15, #15",
            "orr x4, x4, x5", "orr x4, x4, x6", "orr x4, x4, x7", "orr x4, x4, x8", "orr x4, x4, x9",
            "orr x4, x4, x10", "orr x4, x4, x11", "orr x4, x4, x12", "orr x4, x4, x13", "orr x4, x4, x14",
            "orr x4, x4, x15", "orr x4, x4, x16", "orr x4, x4, x17",
            inout("x0") x0, inout("x4") 0u64 => damage, out("x1") _, out("x2") _, out("x3") _,
            out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _, out("x11") _,
            out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _,
            options(nostack)
        );
    }
    equal("SMCCC_VERSION by HVC", x0, smccc::VERSION_1_2);
    equal("x4 to x17 survive", damage, 0);
    for function in [
        0x8400_0050u64,
        0xc600_7777,
        0x8000_4321,
        0x0000_0001,
        0xbf00_ff01,
    ] {
        equal(
            "unknown by HVC",
            hvc(function, [1, 2, 3])[0],
            smccc::NOT_SUPPORTED,
        );
        equal(
            "unknown by SMC",
            smc(function, [1, 2, 3])[0],
            smccc::NOT_SUPPORTED,
        );
    }
}
