//! Every 4-byte offset of the devices' windows and of places where nothing is, at every width.

use crate::rt::exception::catch;
use crate::rt::machine::Gic;
use crate::rt::mmio::{read8, read16, read32, read64, write8, write16, write32, write64};
use crate::rt::{Machine, gic};
use crate::{mrs, msr};

/// What is written everywhere, except to the UART's data register: there a dot, since it is printed.
const VALUES: [u64; 3] = [0, u64::MAX, 0x0102_0304_0506_0708];

/// Tries them all; returns how many.
pub fn run(machine: &'static Machine) -> u32 {
    let cpus = machine.cpus as u64;
    let controller = match machine.gic {
        Gic::V2 { distributor, cpu } => [(distributor, 0x1000), (cpu, 0x2000)],
        Gic::V3 {
            distributor,
            redistributors,
        } => [(distributor, 0x1_0000), (redistributors, 0x2_0000 * cpus)],
    };
    let nothing = [(0x0b00_0000, 0x1_0000), (0x0bff_f000, 0x1000)];
    let mut tries = 0;
    for (base, size) in controller.into_iter().chain(nothing) {
        tries += window(base, size, |_| true);
    }
    if machine.rtc != 0 {
        tries += window(machine.rtc, 0x1000, |_| true);
    }
    let saved =
        [0x24, 0x28, 0x2c, 0x30, 0x34].map(|offset| (offset, read32(machine.uart + offset)));
    tries += window(machine.uart, 0x1000, |offset| offset >= 8);
    write32(machine.uart + 0x38, 0);
    for (offset, value) in saved {
        write32(machine.uart + offset, value);
    }
    write32(machine.uart + 0x30, 0x301);
    write32(machine.uart, u32::from(b'.'));
    write32(machine.uart, u32::from(b'\n'));
    if machine.in_vm {
        tries += elsewhere(machine);
    }
    for base in [gic::distributor(), machine.uart, 0x0b00_0000] {
        tries += without_syndrome(base);
    }
    tries += table_in_nothing();
    gic::init_distributor(machine);
    gic::init_cpu(machine);
    tries
}

/// Reads and writes a window; `writable` says at which offsets something is written.
fn window(base: u64, size: u64, writable: impl Fn(u64) -> bool) -> u32 {
    let reads: [fn(u64); 4] = [
        |a| {
            let _ = read8(a);
        },
        |a| {
            let _ = read16(a);
        },
        |a| {
            let _ = read32(a);
        },
        |a| {
            let _ = read64(a);
        },
    ];
    let writes: [fn(u64, u64); 4] = [
        |a, v| write8(a, v as u8),
        |a, v| write16(a, v as u16),
        |a, v| write32(a, v as u32),
        write64,
    ];
    let mut tries = 0;
    for offset in (0..size).step_by(4) {
        let address = base + offset;
        for read in reads {
            attempt(|| read(address));
            tries += 1;
        }
        if writable(offset) {
            for (write, value) in writes.iter().flat_map(|w| VALUES.map(|v| (w, v))) {
                attempt(|| write(address, value));
                tries += 1;
            }
        }
    }
    tries
}

/// One read and one write in every 2 MiB of the first 4 GiB that are neither our RAM nor our devices.
fn elsewhere(machine: &Machine) -> u32 {
    let mut tries = 0;
    for address in (0..0x1_0000_0000u64).step_by(0x20_0000) {
        let ram = address.wrapping_sub(machine.memory.0) < machine.memory.1;
        let devices = (0x0800_0000..0x0a00_0000).contains(&address);
        if !ram && !devices {
            attempt(|| {
                let _ = read64(address + 0x1238);
            });
            attempt(|| write64(address + 0x1238, u64::MAX));
            tries += 2;
        }
    }
    tries
}

/// Accesses that a hypervisor cannot emulate from the syndrome: pairs, write-back, exclusive, vector, cache.
fn without_syndrome(base: u64) -> u32 {
    macro_rules! each {
        ($($instruction:literal),*) => {{
            let mut tries = 0;
            $(
                attempt(|| {
                    // SAFETY: loads from and stores to device registers; x9 is the address, x10 and x11 the data.
                    unsafe {
                        core::arch::asm!(".arch armv8.1-a+fp+simd", $instruction, inout("x9") base + 0x40 => _,
                            inout("x10") 0u64 => _, inout("x11") 0u64 => _, out("x12") _, options(nostack));
                    }
                });
                tries += 1;
            )*
            tries
        }};
    }
    each!(
        "ldp x10, x11, [x9]",
        "stp x10, x11, [x9]",
        "ldr w10, [x9], #4",
        "str w10, [x9, #4]!",
        "ldxr w10, [x9]",
        "stxr w12, w10, [x9]",
        "ldar w10, [x9]",
        "stlr w10, [x9]",
        "ldadd w10, w11, [x9]",
        "cas w10, w11, [x9]",
        "ldr q0, [x9]",
        "str q0, [x9]",
        "ldr w10, [x9, #1]",
        "str x10, [x9, #3]",
        "ldrsb x10, [x9]",
        "dc zva, x9",
        "dc civac, x9",
        "dc ivac, x9",
        "ic ivau, x9",
        "prfm pldl1keep, [x9]",
        "at s1e1r, x9"
    )
}

/// A stage 1 table where there is no memory: the walk itself faults in stage 2.
fn table_in_nothing() -> u32 {
    let (ttbr1, tcr) = (mrs!("ttbr1_el1"), mrs!("tcr_el1"));
    msr!("ttbr1_el1", 0x0b00_0000);
    // T1SZ 25, EPD1 clear, TG1 4 KiB.
    msr!(
        "tcr_el1",
        tcr & !(0x3f << 16 | 1 << 23 | 3 << 30) | 25 << 16 | 2 << 30
    );
    attempt(|| {
        let _ = read64(0xffff_ff80_0000_1000);
    });
    attempt(|| write64(0xffff_ff80_4000_0000, 1));
    msr!("tcr_el1", tcr);
    msr!("ttbr1_el1", ttbr1);
    2
}

fn attempt(action: impl FnOnce()) {
    if catch(action).is_some() {
        super::count_fault();
    }
}
