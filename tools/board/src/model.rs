//! The evaluated model: what board, system and configuration say together, after every check has passed.
//!
//! It mirrors the crate `tables`, with owned strings and lists and with what only the host needs: file
//! paths, QEMU's command line, what a run is expected to print. Addresses and sizes are in bytes; a cpu is
//! an index into [`Board::cpus`].

mod sharing;

use std::path::{Path, PathBuf};

use tables::{Permissions, Region, Start};

use crate::image::Format;
use crate::symbols::{Symbols, Value};

pub use sharing::{Params, Pool, Thread, Window};

/// What [`crate::evaluate`] reads.
pub struct Inputs<'a> {
    /// `boards/<board>/board.toml`.
    pub board: &'a Path,
    /// `configs/systems/<system>.toml`.
    pub system: &'a Path,
    /// The evaluated `.config`.
    pub symbols: &'a dyn Symbols,
    /// The folder that `@guests/` stands for; `None` if the guests were not set up.
    pub guests: Option<&'a Path>,
    /// The folder that `@built/` stands for; `None` if nothing was built.
    pub built: Option<&'a Path>,
    /// The linker script's template, `kernel/arch/link.ld.j2`.
    pub linker_template: &'a Path,
}

/// Everything about one configuration, consistent.
#[derive(Clone, Debug)]
pub struct Model {
    /// The machine.
    pub board: Board,
    /// What runs on it.
    pub system: System,
    /// Where everything lies in RAM.
    pub plan: Plan,
    /// Every symbol of the configuration, by name in ascending order.
    pub symbols: Vec<(String, Value)>,
    /// The template's text, for `link.ld`.
    pub(crate) linker_template: String,
}

/// The machine; see [`tables::Board`].
#[derive(Clone, Debug)]
pub struct Board {
    /// The name of its folder.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Where the image is loaded and for which it is linked.
    pub load_address: u64,
    /// The cores in use: the board's, at most `CONFIG_NR_CPUS` of them.
    pub cpus: Vec<Cpu>,
    /// How many cores the board has.
    pub cpus_present: usize,
    /// Usable RAM, ascending, disjoint.
    pub memory: Vec<Region>,
    /// The console.
    pub uart: Uart,
    /// The interrupt controller that the configuration chose.
    pub gic: Gic,
    /// Interrupts of the generic timer.
    pub timers: Timers,
    /// How firmware is called.
    pub psci: Conduit,
    /// Where the boot loader leaves its device tree; modules keep away from it.
    pub boot_dtb: Option<Region>,
    /// How to run it in QEMU, if QEMU has the machine.
    pub qemu: Option<Qemu>,
    /// How the board was tried, for people.
    pub verified: String,
}

/// A core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Affinity fields of its MPIDR_EL1.
    pub mpidr: u64,
    /// Whether the hypervisor can be preempted on it.
    pub preemptible: bool,
}

/// The physical console: a PL011.
#[derive(Clone, Copy, Debug)]
pub struct Uart {
    /// Its registers.
    pub region: Region,
    /// Its interrupt.
    pub intid: u32,
    /// Input clock in hertz; 0 leaves the baud rate alone.
    pub clock_hz: u32,
}

/// The physical interrupt controller.
#[derive(Clone, Debug)]
pub enum Gic {
    /// GICv2.
    V2 {
        /// Distributor.
        distributor: Region,
        /// CPU interface.
        cpu: Region,
        /// Virtual interface control.
        hypervisor: Region,
        /// Virtual CPU interface.
        vcpu: Region,
        /// Maintenance interrupt.
        maintenance: u32,
    },
    /// GICv3.
    V3 {
        /// Distributor.
        distributor: Region,
        /// Redistributors.
        redistributors: Vec<Region>,
        /// Maintenance interrupt.
        maintenance: u32,
    },
}

impl Gic {
    /// 2 or 3, as in QEMU's `gic-version=`.
    #[must_use]
    pub fn version(&self) -> u8 {
        match self {
            Self::V2 { .. } => 2,
            Self::V3 { .. } => 3,
        }
    }
}

/// INTIDs of the generic timer.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Non-secure EL2 physical timer.
    pub hypervisor: u32,
    /// EL1 virtual timer.
    pub virtual_: u32,
    /// Non-secure EL1 physical timer.
    pub physical: u32,
}

/// How firmware is called for PSCI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    /// `smc #0`.
    Smc,
    /// `hvc #0`.
    Hvc,
    /// There is no PSCI.
    None,
}

/// How QEMU runs the board.
#[derive(Clone, Debug)]
pub struct Qemu {
    /// `-M`, in which `{gic}` stands for the GIC's version.
    pub machine: String,
    /// `-cpu`; `None` where the machine fixes it.
    pub cpu: Option<String>,
    /// Further arguments, one per element.
    pub args: Vec<String>,
}

/// What runs: see [`tables::System`].
#[derive(Clone, Debug)]
pub struct System {
    /// The TOML's file name without `.toml`.
    pub name: String,
    /// One line for people; may be empty.
    pub description: String,
    /// After how many seconds `make run` without a terminal gives up; `None`: never.
    pub timeout: Option<u64>,
    /// The VMs.
    pub vms: Vec<Vm>,
    /// Which cores are scheduled together; every core is in exactly one.
    pub pools: Vec<Pool>,
    /// The hypervisor's own threads.
    pub threads: Vec<Thread>,
}

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Vm {
    /// Unique in the system.
    pub name: String,
    /// Its memory, in ascending order of IPA.
    pub memory: Vec<GuestMemory>,
    /// Its virtual cores.
    pub vcpus: Vec<Vcpu>,
    /// What it starts with.
    pub image: GuestImage,
    /// Its emulated devices.
    pub devices: Vec<Device>,
    /// What a crash of it means.
    pub on_crash: Crash,
    /// Strings that must appear on its console for a run to count as good, in this order.
    pub expect: Vec<String>,
    /// Its device tree, finished.
    pub dtb: Vec<u8>,
    /// Whether it runs from the boot on.
    pub start: Start,
    /// Which long operations it may use.
    pub may: Permissions,
    /// The VMs that it controls, by index, ascending.
    pub controls: Vec<usize>,
    /// The window for memory that it populates; its size is the most that it may hold of the heap.
    pub grow: Option<Region>,
    /// The page with its vCPUs' stolen time.
    pub pv_time: Option<u64>,
}

/// Guest memory; see [`tables::VmMemory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestMemory {
    /// Where the guest sees it.
    pub ipa: u64,
    /// Where it is.
    pub pa: Region,
    /// The guest may write to it. Memory that it may not write is ROM: its device tree does not list it.
    pub writable: bool,
    /// The guest may execute from it.
    pub executable: bool,
}

impl GuestMemory {
    /// The range of guest physical addresses.
    #[must_use]
    pub fn ipa_region(&self) -> Region {
        Region {
            base: self.ipa,
            size: self.pa.size,
        }
    }
}

/// A virtual core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vcpu {
    /// Bit n: may run on `Board::cpus[n]`.
    pub affinity: u64,
    /// How it is scheduled.
    pub params: Params,
    /// Its number among the thread stacks, if it has one.
    pub stack: Option<u16>,
}

/// What a VM starts with.
#[derive(Clone, Debug)]
pub struct GuestImage {
    /// The program.
    pub kernel: Payload,
    /// What kind of file it is.
    pub format: Format,
    /// The initial RAM disk.
    pub initrd: Option<Payload>,
    /// Linux's command line.
    pub bootargs: String,
    /// Where to enter; `None`: where the image says.
    pub entry: Option<u64>,
    /// Where the device tree goes.
    pub dtb_ipa: u64,
    /// No more bytes than this may be used from there on.
    pub dtb_limit: u64,
    /// Name of the device tree's entry in the pack.
    pub dtb_name: String,
}

/// A file for a guest.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Where it is on the host.
    pub file: FileRef,
    /// Name of its entry in the pack, or of the boot loader's module.
    pub name: String,
    /// `true`: the boot loader loads it; `false`: it is in the pack.
    pub module: bool,
    /// Guest address.
    pub ipa: u64,
    /// No more bytes than this may be used from `ipa` on.
    pub limit: u64,
    /// Bytes of the file.
    pub size: u64,
}

/// A file as it was named and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// As written in the TOML.
    pub written: String,
    /// On the host.
    pub path: PathBuf,
}

/// An emulated device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which.
    pub kind: DeviceKind,
    /// Guest address of its 4 KiB.
    pub ipa: u64,
    /// Its interrupt.
    pub intid: u32,
}

/// Which emulated device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// PL011 UART.
    Uart,
    /// PL031 real-time clock.
    Rtc,
}

/// What a crash means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Start again, at most this many times.
    Restart(u32),
    /// Stay off.
    Halt,
    /// Power the machine off.
    PowerOff,
}

/// Where everything lies in RAM; see [`tables::MemoryPlan`]. Disjoint, and disjoint from guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The linked kernel, at most `CONFIG_KERNEL_SIZE_MAX`.
    pub kernel: Region,
    /// After it. The pack starts at the first page after the kernel's last section, so it begins in
    /// [`Plan::kernel`] and must end before this region does: see [`Model::check_image_size`].
    pub pack: Region,
    /// The hypervisor's pages.
    pub pool: Region,
    /// RAM for what VMs populate.
    pub heap: Option<Region>,
    /// Files that the boot loader puts into RAM.
    pub modules: Vec<ModuleFile>,
}

/// A file that the boot loader puts into RAM and names in `/chosen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    /// What the module node's `bootargs` must be.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Where it goes; the size is rounded up to a page.
    pub region: Region,
}

impl System {
    /// How many EL2 stacks vCPUs and hypervisor threads have.
    #[must_use]
    pub fn thread_stacks(&self) -> usize {
        let vcpus = self.vms.iter().flat_map(|vm| &vm.vcpus);
        vcpus.filter(|vcpu| vcpu.stack.is_some()).count() + self.threads.len()
    }
}

impl Model {
    /// Whether a finished image of this many bytes fits where the plan has room for it; the error says by
    /// how much it does not.
    ///
    /// # Errors
    /// The image reaches beyond [`Plan::pack`].
    pub fn check_image_size(&self, bytes: u64) -> Result<(), String> {
        let room = self.plan.pack.end().saturating_sub(self.plan.kernel.base);
        if bytes <= room {
            return Ok(());
        }
        Err(format!(
            "caesura.img has {bytes} bytes, {} more than the memory plan keeps for kernel and pack ({room}); \
             the kernel outgrew CONFIG_KERNEL_SIZE_MAX",
            bytes - room
        ))
    }
}
