//! The director: lets the workers live and die, watches that they get on, counts pages in the end.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::ops::{self, error, stat, state};

use super::board::{self, Board};
use crate::println;
use crate::rt::hypercall::{call, stat as read_stat};
use crate::rt::random::Random;
use crate::rt::report::{check, equal, failures};
use crate::rt::timer::sleep_us;
use crate::rt::{Machine, cpu, machine, smp};

/// The workers' numbers.
const WORKERS: [u64; 2] = [1, 2];
/// Microseconds in which each vCPU of a worker that nobody touches must finish an operation.
const STUCK_US: u64 = 2_000_000;

static DONE: AtomicBool = AtomicBool::new(false);
static KILLS: AtomicU64 = AtomicU64::new(0);
static PAUSES: AtomicU64 = AtomicU64::new(0);

/// Runs it.
pub fn main(machine: &'static Machine) -> u32 {
    cpu::mask();
    let target = machine.number("ops=").unwrap_or(100_000);
    let board = board::at(board::AT);
    for vm in WORKERS {
        check("no worker at first", settle(vm, state::ABSENT), vm);
        grant(vm);
    }
    let before = free();
    for vm in WORKERS {
        begin(vm);
    }
    let started = smp::start_others(machine, |number| {
        cpu::mask();
        direct(number, machine::get());
        smp::arrive();
    });
    let mut last = 0;
    while failures() == 0 {
        sleep_us(10_000);
        let operations = board.sum(|vcpu| &vcpu.operations);
        if operations / 10_000 != last {
            last = operations / 10_000;
            println!("{operations} operations");
        }
        if operations >= target || board.sum(|vcpu| &vcpu.wrong) != 0 {
            break;
        }
    }
    DONE.store(true, Ordering::Release);
    let over = smp::wait_for(started, 60_000_000);
    check("the other directors end", over, u64::from(started));
    for vm in WORKERS {
        watch(board, vm);
    }
    for vm in WORKERS {
        check("the worker is destroyed", settle(vm, state::ABSENT), vm);
    }
    summary(board);
    board.tell();
    equal("no wrong results", board.sum(|vcpu| &vcpu.wrong), 0);
    tables_are_back();
    let mut after = free();
    // What is given back in the background may take a moment.
    for _ in 0..500 {
        if after == before {
            break;
        }
        sleep_us(10_000);
        after = free();
    }
    equal("pages of the heap that are free", after[0], before[0]);
    equal("pages of the pool that are free", after[1], before[1]);
    println!("PAGES heap {} pool {}", after[0], after[1]);
    failures()
}

/// The tables of those that were destroyed come back, each after a grace period.
fn tables_are_back() {
    let waiting = || read_stat(stat::TABLES_WAITING);
    for _ in 0..500 {
        if waiting() == Some(0) {
            break;
        }
        sleep_us(1_000);
    }
    equal("tables that wait", waiting().unwrap_or(u64::MAX), 0);
    let periods = read_stat(stat::GRACE_PERIODS).unwrap_or(0);
    check("there were grace periods", periods > 0, periods);
    println!("GRACE {periods} periods");
}

/// Free pages: of the heap, and of the pool that tables come from. The page that is just being scrubbed is not among them,
/// so this waits for the scrubber.
fn free() -> [u64; 2] {
    for _ in 0..1000 {
        let scrubbed = read_stat(stat::SCRUBBED);
        sleep_us(5_000);
        if read_stat(stat::HEAP_DIRTY) == Some(0) && read_stat(stat::SCRUBBED) == scrubbed {
            break;
        }
    }
    [stat::HEAP_FREE, stat::POOL_FREE].map(|which| read_stat(which).unwrap_or(0))
}

fn summary(board: &Board) {
    println!(
        "STRESS operations {} lives {} suspended {} moved {} abandoned {} nested {} kills {} pauses {}",
        board.sum(|vcpu| &vcpu.operations),
        board.sum(|vcpu| &vcpu.lives),
        board.sum(|vcpu| &vcpu.suspended),
        board.sum(|vcpu| &vcpu.moved),
        board.sum(|vcpu| &vcpu.abandoned),
        board.sum(|vcpu| &vcpu.nested),
        KILLS.load(Ordering::Relaxed),
        PAUSES.load(Ordering::Relaxed)
    );
}

/// Does something to a worker every few milliseconds, until it is over. Several do it at once, to the same ones.
fn direct(number: usize, machine: &Machine) {
    let seed = machine.number("seed=").unwrap_or(1);
    let mut random = Random::new(seed << 8 | number as u64);
    while !DONE.load(Ordering::Acquire) {
        // Long enough for a worker to get into the middle of things after its start.
        sleep_us(2_000 + random.below(80_000));
        let vm = WORKERS[random.below(2) as usize];
        match random.below(8) {
            0..=4 => {
                let paused = life(ops::VM_PAUSE, vm);
                sleep_us(random.below(3000));
                if paused {
                    PAUSES.fetch_add(1, Ordering::Relaxed);
                }
                // Whoever has paused it: somebody has to wake it.
                life(ops::VM_RESUME, vm);
            }
            5 => {
                kill(ops::VM_RESET, vm);
            }
            6 => {
                kill(ops::VM_DESTROY, vm);
                begin(vm);
            }
            _ => begin(vm),
        }
    }
}

/// Makes one of the calls; whether it succeeded. It may come at the wrong time, but for no other reason fail.
fn life(function: u32, vm: u64) -> bool {
    let answer = call(function, [vm]);
    let good = [0, error::STATE, error::BUSY].contains(&answer.status);
    if !good {
        println!("{function:#x} of VM {vm}");
    }
    check("a call of a VM's life", good, answer.status as u64);
    answer.is_ok()
}

/// Ends a worker. What was granted to it ends with it, so whoever has killed it grants the board anew.
fn kill(function: u32, vm: u64) {
    if life(function, vm) {
        KILLS.fetch_add(1, Ordering::Relaxed);
        grant(vm);
    }
}

fn grant(vm: u64) {
    let granted = call(ops::GRANT, [board::AT, 1, vm, 1, board::TAG]);
    let status = granted.status as u64;
    check("the board is granted", granted.is_ok(), status);
}

fn begin(vm: u64) {
    life(ops::VM_CREATE, vm);
    life(ops::VM_START, vm);
}

/// Brings a worker into a state and says whether it is there: destroyed, if that is what is wanted, or running.
fn settle(vm: u64, wanted: u64) -> bool {
    for _ in 0..1000 {
        let found = call(ops::VM_STATUS, [vm]);
        if found.is_ok() && found.value() == wanted {
            return true;
        }
        if wanted == state::ABSENT {
            life(ops::VM_DESTROY, vm);
        } else {
            begin(vm);
            life(ops::VM_RESUME, vm);
        }
        sleep_us(1000);
    }
    false
}

/// Each vCPU of a worker that is left alone gets on.
fn watch(board: &Board, vm: u64) {
    check("the worker runs", settle(vm, state::RUNNING), vm);
    let Some(vcpus) = board.vcpus.get(vm as usize - 1) else {
        return;
    };
    for vcpu in vcpus {
        let before = vcpu.operations.load(Ordering::Relaxed);
        let mut gets_on = false;
        for _ in 0..STUCK_US / 1000 {
            sleep_us(1000);
            gets_on = vcpu.operations.load(Ordering::Relaxed) != before;
            if gets_on {
                break;
            }
        }
        check("each vCPU gets on", gets_on, vm);
    }
}
