//! Every HVC and SMC immediate, and random function identifiers with random arguments.

use abi::{psci, smccc, vendor};

use super::code::execute;

const HVC: u32 = 0xd400_0002;
const SMC: u32 = 0xd400_0003;
const RANDOM: u32 = 100_000;

/// PSCI functions that would stop or restart this vCPU or the VM, or let a vCPU run somewhere: by number, for
/// 32 and 64 bits. CPU_SUSPEND, CPU_OFF, CPU_ON, MIGRATE, SYSTEM_OFF, SYSTEM_RESET, CPU_FREEZE,
/// CPU_DEFAULT_SUSPEND, SYSTEM_SUSPEND, SYSTEM_RESET2, SYSTEM_OFF2.
const STOPPING: [u32; 11] = [1, 2, 3, 5, 8, 9, 0xb, 0xc, 0xe, 0x12, 0x15];

/// Tries them all; returns how many.
pub fn run(number: usize, seed: u64) -> u32 {
    let mut tries = 0;
    for immediate in 0..0x1_0000u32 {
        for instruction in [HVC, SMC] {
            // A function that exists, one that does not, and nonsense.
            let function = [psci::VERSION, 0x8400_00fe, immediate][immediate as usize % 3];
            if !harmful(function) {
                let _ = execute(
                    number,
                    instruction | immediate << 5,
                    [function.into(), 1, 2, 3],
                );
                tries += 1;
            }
        }
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed << 7);
    for round in 0..RANDOM {
        let value = random.next();
        // A quarter anywhere; the others where functions are likely.
        let function = match round % 4 {
            0 => value as u32,
            1 => smccc::fast(
                value & 1 != 0,
                smccc::owner::STANDARD_SECURE,
                (value >> 8) as u16 & 0x1f,
            ),
            2 => smccc::fast(
                value & 1 != 0,
                (value >> 32) as u32 & 7,
                (value >> 8) as u16 & 0xff,
            ),
            _ => smccc::fast(
                value & 1 != 0,
                smccc::owner::VENDOR_HYPERVISOR,
                (value >> 8) as u16,
            ),
        };
        if harmful(function) {
            continue;
        }
        let arguments = [
            u64::from(function) | (value & !0xffff_ffff),
            random.next(),
            random.next(),
            random.next(),
        ];
        let instruction = if round & 4 == 0 { HVC } else { SMC };
        let _ = execute(number, instruction, arguments);
        tries += 1;
    }
    tries
}

fn harmful(function: u32) -> bool {
    let psci = smccc::owner_of(function) == smccc::owner::STANDARD_SECURE
        && function & smccc::FAST != 0
        && STOPPING.contains(&(function & 0xffff));
    // REPORT is how we say in the end how it went; the others end the VM.
    psci || [vendor::REPORT, vendor::CRASH].contains(&(function | smccc::CC64))
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
