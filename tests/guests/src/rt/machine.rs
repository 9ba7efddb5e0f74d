//! What the device tree says about the machine.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use loader::dtb::{Dtb, Token};

use super::{firmware, uart};

/// The interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gic {
    /// GICv2: distributor and CPU interface.
    V2 {
        /// GICD.
        distributor: u64,
        /// GICC.
        cpu: u64,
    },
    /// GICv3: distributor and redistributors.
    V3 {
        /// GICD.
        distributor: u64,
        /// GICR of vCPU 0.
        redistributors: u64,
    },
}

/// The machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// How many (v)CPUs.
    pub cpus: usize,
    /// Their MPIDRs' affinities.
    pub mpidr: [u64; 8],
    /// The interrupt controller.
    pub gic: Gic,
    /// The PL011.
    pub uart: u64,
    /// The PL031, 0 if there is none.
    pub rtc: u64,
    /// RAM: first byte and bytes.
    pub memory: (u64, u64),
    /// PSCI is called by SMC.
    pub smc: bool,
    /// CNTPCT_EL0 at the program's first instruction.
    pub first_count: u64,
    /// We run in a VM of this hypervisor; else bare (or in somebody else's).
    pub in_vm: bool,
    /// `rom=` of the boot arguments, hexadecimal: an address that may be read and not written; 0 if there is none.
    pub rom: u64,
    /// `seconds=` of the boot arguments: how long to run; 0 if not given.
    pub seconds: u64,
    /// `mode=` of the boot arguments: which of a program's parts to run; 0 if not given.
    pub mode: u64,
    /// The boot arguments, for what only one program wants to be told.
    pub bootargs: &'static str,
}

impl Machine {
    /// The word after `key` (such as `load=`) in the boot arguments; empty if it is not there.
    #[must_use]
    pub fn word(&self, key: &str) -> &'static str {
        word(self.bootargs, key).unwrap_or_default()
    }

    /// The decimal number after `key` in the boot arguments.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        word(self.bootargs, key)?.parse().ok()
    }
}

struct Once(UnsafeCell<Machine>, AtomicBool);

// SAFETY: written once by `discover` before other vCPUs start, only read afterwards.
unsafe impl Sync for Once {}

static MACHINE: Once = Once(
    UnsafeCell::new(Machine {
        cpus: 1,
        mpidr: [0; 8],
        gic: Gic::V2 {
            distributor: 0,
            cpu: 0,
        },
        uart: 0x0900_0000,
        rtc: 0,
        memory: (0, 0),
        smc: false,
        first_count: 0,
        in_vm: false,
        rom: 0,
        seconds: 0,
        mode: 0,
        bootargs: "",
    }),
    AtomicBool::new(false),
);

/// The machine, once known.
///
/// # Panics
/// Before [`discover`].
#[must_use]
pub fn get() -> &'static Machine {
    assert!(
        MACHINE.1.load(Ordering::Acquire),
        "the machine is not known yet"
    );
    // SAFETY: the flag says that writing is over.
    unsafe { &*MACHINE.0.get() }
}

/// Reads the device tree at `dtb` (0: at the start of RAM, where QEMU puts it for an ELF file).
///
/// # Panics
/// If there is no usable tree.
pub fn discover(dtb: u64, first_count: u64) -> &'static Machine {
    let address = if dtb == 0 { 0x4000_0000 } else { dtb };
    // SAFETY: the boot protocol promises a device tree there, which nobody changes; its header says its size.
    let head = unsafe { core::slice::from_raw_parts(address as *const u8, 8) };
    let size = Dtb::size(head).unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: as above; the whole tree lies in RAM.
    let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, size as usize) };
    let tree = Dtb::parse(bytes).unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: only this vCPU runs, and nobody has a reference: the flag is still false.
    let machine = unsafe { &mut *MACHINE.0.get() };
    machine.first_count = first_count;
    machine.cpus = 0;
    read(&tree, machine);
    uart::set_base(machine.uart);
    firmware::use_smc(machine.smc);
    machine.in_vm = firmware::is_caesura();
    MACHINE.1.store(true, Ordering::Release);
    get()
}

/// The properties of one node that matter.
#[derive(Clone, Copy, Default)]
struct Node<'a> {
    compatible: &'a [u8],
    reg: &'a [u8],
    is_cpu: bool,
    is_memory: bool,
}

/// The cells of `reg` are 2 and 2 on both machines; a CPU's is its last 32-bit cell.
fn read(tree: &Dtb<'static>, machine: &mut Machine) {
    let mut node = Node::default();
    for token in tree.tokens() {
        match token {
            Token::Begin(_) | Token::End => {
                apply(&node, machine);
                node = Node::default();
            }
            Token::Property { name, value, .. } => match name {
                "compatible" => node.compatible = value,
                "reg" => node.reg = value,
                "device_type" => {
                    node.is_cpu = value == b"cpu\0";
                    node.is_memory = value == b"memory\0";
                }
                "method" => machine.smc = value == b"smc\0",
                "bootargs" => {
                    let text = core::str::from_utf8(value).unwrap_or_default();
                    machine.bootargs = text.trim_end_matches('\0');
                    machine.rom = option(machine.bootargs, "rom=", 16).unwrap_or(0);
                    machine.seconds = option(machine.bootargs, "seconds=", 10).unwrap_or(0);
                    machine.mode = option(machine.bootargs, "mode=", 10).unwrap_or(0);
                }
                _ => {}
            },
        }
    }
}

fn apply(node: &Node<'_>, machine: &mut Machine) {
    let is = |name: &str| {
        node.compatible
            .split(|b| *b == 0)
            .any(|c| c == name.as_bytes())
    };
    let first = number(node.reg, 0);
    if node.is_cpu && machine.cpus < machine.mpidr.len() {
        machine.mpidr[machine.cpus] = node
            .reg
            .iter()
            .rev()
            .take(4)
            .rev()
            .fold(0, |v, b| v << 8 | u64::from(*b));
        machine.cpus += 1;
    } else if node.is_memory {
        machine.memory = (first, number(node.reg, 8));
    } else if is("arm,gic-v3") {
        machine.gic = Gic::V3 {
            distributor: first,
            redistributors: number(node.reg, 16),
        };
    } else if is("arm,cortex-a15-gic") || is("arm,gic-400") {
        machine.gic = Gic::V2 {
            distributor: first,
            cpu: number(node.reg, 16),
        };
    } else if is("arm,pl011") {
        machine.uart = first;
    } else if is("arm,pl031") {
        machine.rtc = first;
    }
}

fn number(reg: &[u8], offset: usize) -> u64 {
    reg.iter()
        .skip(offset)
        .take(8)
        .fold(0, |v, b| v << 8 | u64::from(*b))
}

/// The number after `key` in the boot arguments.
fn option(bootargs: &str, key: &str, radix: u32) -> Option<u64> {
    u64::from_str_radix(word(bootargs, key)?.trim_start_matches("0x"), radix).ok()
}

fn word<'a>(bootargs: &'a str, key: &str) -> Option<&'a str> {
    bootargs.split(' ').find_map(|word| word.strip_prefix(key))
}
