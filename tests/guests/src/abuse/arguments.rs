//! Every function with arguments at every boundary, and with nonsense.

use abi::ops::{self, error};

use super::{WINDOW, clear};
use crate::println;
use crate::rt::hypercall::{Answer, raw};
use crate::rt::random::Random;
use crate::rt::report::check;
use crate::rt::{Machine, cpu};

/// Functions with memory ranges in x1 and x2.
const RANGES: [u32; 5] = [
    ops::POPULATE,
    ops::RECLAIM,
    ops::UNMAP,
    ops::CACHE_CLEAN,
    ops::CONSOLE_WRITE,
];
/// The others, except those that would work for as long as they are told.
const OTHERS: [u32; 18] = [
    ops::RESUME,
    ops::GRANT,
    ops::UNGRANT,
    ops::GRANT_FIND,
    ops::GRANT_MAP,
    ops::GRANT_UNMAP,
    ops::GRANT_COPY,
    ops::VM_CREATE,
    ops::VM_START,
    ops::VM_PAUSE,
    ops::VM_RESUME,
    ops::VM_RESET,
    ops::VM_DESTROY,
    ops::VM_STATUS,
    ops::EVENT_BIND,
    ops::EVENT_SEND,
    ops::EVENT_UNBIND,
    ops::MULTICALL,
];
/// Bytes that the VM may populate at most.
const QUOTA: u64 = 64 << 20;
const RANDOM: u64 = 20_000;

/// Tries them; returns how many.
pub fn run(machine: &Machine) -> u64 {
    cpu::mask();
    let (ram, size) = machine.memory;
    // Ends of everything that has one, and what does not fit into fewer bits.
    let addresses = [
        0,
        1,
        8,
        4095,
        4096,
        machine.uart,
        ram - 4096,
        ram + 1,
        ram + size - 4096,
        ram + size - 8,
        ram + size,
        WINDOW - 4096,
        WINDOW,
        WINDOW + 1,
        WINDOW + QUOTA - 4096,
        WINDOW + QUOTA,
        1 << 32,
        (1 << 39) - 4096,
        1 << 39,
        1 << 40,
        1 << 48,
        1 << 52,
        1 << 63,
        u64::MAX - 4095,
        u64::MAX - 7,
        u64::MAX,
    ];
    let sizes = [
        0,
        1,
        8,
        4095,
        4096,
        4097,
        8192,
        QUOTA,
        QUOTA + 4096,
        1 << 32,
        1 << 40,
        1 << 48,
        1 << 63,
        u64::MAX - 4095,
        u64::MAX,
    ];
    let mut tries = 0;
    for function in RANGES {
        for at in addresses {
            for bytes in sizes {
                // Text that is there would only fill the console.
                let text = function == ops::CONSOLE_WRITE && bytes > 0;
                if text && (ram..ram + size).contains(&at) {
                    continue;
                }
                for flags in [0, 1, 3, 4, u64::MAX] {
                    try_call(function, [at, bytes, flags, 0, 0, 0]);
                    tries += 1;
                }
            }
        }
    }
    clear(QUOTA);
    let numbers = [
        0,
        1,
        2,
        3,
        31,
        32,
        33,
        1019,
        1020,
        1024,
        1025,
        1 << 16,
        1 << 18,
        1 << 32,
        1 << 61,
        1 << 63,
        u64::MAX,
    ];
    for function in OTHERS {
        let list = [ops::MULTICALL, ops::GRANT_COPY].contains(&function);
        // A list in the device tree would be carried out, and written to; we still need the tree.
        let tree = ram + size - 0x1_0000..ram + size - 4095;
        let addresses = addresses
            .into_iter()
            .filter(|at| !(list && tree.contains(at)));
        for x1 in addresses.chain(numbers) {
            for x2 in numbers {
                for x3 in [0, 1, 32, 4096, WINDOW, u64::MAX] {
                    try_call(function, [x1, x2, x3, x2, x1, x3]);
                    tries += 1;
                }
            }
        }
    }
    let mut random = Random::new(7);
    for _ in 0..RANDOM {
        let function = random.pick(&OTHERS).unwrap_or(ops::RESUME);
        let arguments = [0; 6].map(|_: u64| random.next() >> random.below(64));
        try_call(function, arguments);
        tries += 1;
    }
    let _ = raw(u64::from(ops::EVENT_RESET), [0; 6]);
    clear(QUOTA);
    tries
}

/// Makes a call whose answer must be one that there is.
fn try_call(function: u32, arguments: [u64; 6]) {
    const KNOWN: [i64; 19] = [
        0,
        error::NOT_SUPPORTED,
        error::INVALID,
        error::DENIED,
        error::ADDRESS,
        error::OVERLAP,
        error::NOT_MAPPED,
        error::NOT_POPULATED,
        error::PINNED,
        error::NO_MEMORY,
        error::QUOTA,
        error::NO_VM,
        error::STATE,
        error::NO_GRANT,
        error::NO_PORT,
        error::BUSY,
        error::FULL,
        error::HANDLE,
        error::NESTED,
    ];
    // (CANCELLED is for those who are being killed, and they do not see it.) The upper half of x0 is not part of
    // the identifier.
    let answer: Answer = raw(u64::from(function) | arguments[0] << 32, arguments);
    if !KNOWN.contains(&answer.status) {
        println!("{function:#x} {arguments:x?}: {answer:?}");
        check("an answer that there is", false, answer.status as u64);
    }
    // What succeeded by chance is undone.
    if answer.is_ok() && function == ops::GRANT {
        let _ = raw(u64::from(ops::UNGRANT), [answer.value(); 6]);
    } else if answer.is_ok() && function == ops::GRANT_MAP {
        let _ = raw(u64::from(ops::GRANT_UNMAP), [arguments[0]; 6]);
    }
    if function == ops::RESUME && ![error::HANDLE, error::BUSY].contains(&answer.status) {
        check("a guessed handle", false, arguments[0]);
    }
}
