//! What runs on it: one [`System`] constant per build.

use crate::board::Region;
use crate::sched::{Pool, Thread};

/// All VMs of the system, and what they share.
#[derive(Debug)]
pub struct System {
    /// The file name under `configs/systems/`, without `.toml`.
    pub name: &'static str,
    /// Its VMs; a VM's index here is its number on the console.
    pub vms: &'static [Vm],
    /// Which cores are scheduled together, and how. Every core of [`Board::cpus`](crate::Board::cpus) is in exactly one.
    pub pools: &'static [Pool],
    /// The hypervisor's own threads, in the order of their numbers: the scheduler knows thread n as entity
    /// number of all vCPUs + n. Empty in a model without threads.
    pub threads: &'static [Thread],
    /// RAM for what VMs populate; disjoint from everything else.
    pub heap: Option<Region>,
}

/// A virtual machine.
#[derive(Debug)]
pub struct Vm {
    /// Unique in the system.
    pub name: &'static str,
    /// Stage 2 identifier, unique, not 0.
    pub vmid: u16,
    /// Its memory.
    pub memory: &'static [VmMemory],
    /// Its vCPUs; vCPU n has guest MPIDR affinity n (Aff0).
    pub vcpus: &'static [Vcpu],
    /// What is loaded before vCPU 0 starts.
    pub image: Image,
    /// Its interrupt controller.
    pub gic: GuestGic,
    /// Its emulated devices other than the interrupt controller.
    pub devices: &'static [Device],
    /// What happens when it crashes.
    pub on_crash: CrashPolicy,
    /// Whether it runs from the boot on.
    pub start: Start,
    /// Which of the long operations it may use.
    pub may: Permissions,
    /// The VMs that it may create, start, pause, resume, reset and destroy: indexes into [`System::vms`], never its
    /// own, ascending.
    pub controls: &'static [usize],
    /// The most bytes of the heap that it may hold; whole pages. 0: it may not populate memory.
    pub grow: u64,
    /// Where the window of [`Vm::grow`] bytes for populated memory begins, guest physical; no memory or device of the
    /// VM is in it. Meaningless if that is 0.
    pub grow_at: u64,
    /// The page with the vCPUs' stolen time (Arm DEN0057), guest physical, read-only for the guest; vCPU n has the 64
    /// bytes from 64 * n on. Outside its memory and devices.
    pub pv_time: Option<u64>,
}

/// A piece of guest memory backed by RAM.
#[derive(Clone, Copy, Debug)]
pub struct VmMemory {
    /// Where the guest sees it.
    pub ipa: u64,
    /// Where it is; the size of [`VmMemory::ipa`]'s range too.
    pub pa: Region,
    /// The guest may write to it.
    pub writable: bool,
    /// The guest may execute from it.
    pub executable: bool,
}

/// A virtual core.
#[derive(Clone, Copy, Debug)]
pub struct Vcpu {
    /// On which physical cores it may run.
    pub affinity: Affinity,
    /// Share of a contended core, relative to the others' weights; 1 to 65535, usually 256.
    pub weight: u32,
    /// The most that it may use of one core, in percent; 0: no such limit.
    pub cap: u8,
    /// Its urgency under fixed priorities: the higher, the more urgent.
    pub priority: u8,
    /// Microseconds that it may run in each period (EDF); 0: it has no server and runs in what the servers leave.
    pub budget_us: u32,
    /// The period of its server in microseconds, also its relative deadline; 0 if there is no budget.
    pub period_us: u32,
    /// Whose windows of a cyclic pool's frame it runs in: its VM's index.
    pub partition: u16,
    /// Which of the thread stacks it has; `None`: it is never on a preemptible core.
    pub stack: Option<u16>,
}

/// A set of physical cores: bit n stands for `Board::cpus[n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affinity(pub u64);

/// What a VM starts with.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// The kernel or program: an arm64 `Image`, the same gzip-compressed, an ELF, or a flat binary.
    pub kernel: Module,
    /// An initial RAM disk, copied to its address as it is.
    pub initrd: Option<Module>,
    /// The generated device tree.
    pub dtb: Module,
    /// Where to enter; `None`: where the image's own header says (flat binaries: their load address).
    pub entry: Option<u64>,
}

/// A file and where it goes.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Where it comes from.
    pub source: Source,
    /// Guest address to which it is loaded; an ELF's segments say so themselves and ignore it.
    pub ipa: u64,
    /// No more than this many bytes may be used from `ipa` on (for an initrd loaded by the boot loader,
    /// whose size is known only then).
    pub limit: u64,
}

/// Where a [`Module`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The entry of that name in the pack.
    Pack(&'static str),
    /// The boot loader put it into RAM and named it in a `/chosen` module node whose `bootargs` is this.
    Chosen(&'static str),
}

/// The guest's interrupt controller: the same version as the board's.
#[derive(Clone, Copy, Debug)]
pub struct GuestGic {
    /// Distributor (GICD), guest physical, 64 KiB on v3, 4 KiB on v2.
    pub distributor: u64,
    /// Redistributors (v3: 128 KiB per vCPU, contiguous) or CPU interface (v2: 8 KiB).
    pub redistributor_or_cpu: u64,
    /// Number of SPIs, a multiple of 32: INTIDs 32 to 31 + this.
    pub spis: u32,
}

/// An emulated device.
#[derive(Clone, Copy, Debug)]
pub enum Device {
    /// PL011 UART joined to the console multiplexer.
    Pl011 {
        /// Guest physical address of its 4 KiB.
        ipa: u64,
        /// Its interrupt, level-triggered.
        intid: u32,
    },
    /// PL031 real-time clock.
    Pl031 {
        /// Guest physical address of its 4 KiB.
        ipa: u64,
        /// Its interrupt, level-triggered.
        intid: u32,
    },
}

/// What a crash of a VM means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPolicy {
    /// Start it again, at most this many times; then it stays off.
    Restart(u32),
    /// It stays off; the others go on.
    Halt,
    /// The whole machine is powered off, with a failure status.
    PowerOff,
}

/// Whether a VM runs from the boot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is started at boot.
    Auto,
    /// It is absent (it has no address space, and its planned memory is unused) until a VM that controls it creates it, then
    /// off until that one starts it.
    Manual,
}

/// Which of the long operations a VM may use. Which VMs it controls is [`Vm::controls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(pub u32);

impl Permissions {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Populate memory, give it back, unmap it.
    pub const POPULATE: Self = Self(1 << 0);
    /// Share memory with other VMs and use what they share with it, by mapping or by copying.
    pub const GRANT: Self = Self(1 << 1);
    /// Bind doorbells, ring those of others.
    pub const EVENT: Self = Self(1 << 2);
    /// Write text to its console by hypercall.
    pub const CONSOLE: Self = Self(1 << 3);
    /// Clean and invalidate caches by range.
    pub const CACHE: Self = Self(1 << 4);
    /// Use the diagnostic calls.
    pub const DEBUG: Self = Self(1 << 5);

    /// Whether all of `wanted` is in it.
    #[must_use]
    pub const fn contains(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}
