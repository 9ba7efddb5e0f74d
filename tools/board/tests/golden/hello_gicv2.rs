// Generated: the board "qemu-virt", the system "hello", and the numbers of .config. Edits are lost.

/// The machine.
pub static BOARD: tables::Board = tables::Board {
    name: "qemu-virt",
    load_address: 0x40080000,
    cpus: &[
        tables::Cpu { mpidr: 0x0, preemptible: false },
        tables::Cpu { mpidr: 0x1, preemptible: false },
        tables::Cpu { mpidr: 0x2, preemptible: false },
        tables::Cpu { mpidr: 0x3, preemptible: false },
    ],
    memory: &[
        tables::Region { base: 0x40000000, size: 0x80000000 },
    ],
    uart: tables::Uart {
        kind: tables::UartKind::Pl011,
        region: tables::Region { base: 0x9000000, size: 0x1000 },
        intid: 33,
        clock_hz: 24000000,
    },
    gic: tables::Gic::V2 {
        distributor: tables::Region { base: 0x8000000, size: 0x10000 },
        cpu: tables::Region { base: 0x8010000, size: 0x10000 },
        hypervisor: tables::Region { base: 0x8030000, size: 0x10000 },
        vcpu: tables::Region { base: 0x8040000, size: 0x10000 },
        maintenance: 25,
    },
    timers: tables::Timers {
        hypervisor: 26,
        virtual_: 27,
        physical: 30,
    },
    psci: tables::Conduit::Smc,
};

/// Where everything lies in RAM.
pub static PLAN: tables::MemoryPlan = tables::MemoryPlan {
    kernel: tables::Region { base: 0x40080000, size: 0x200000 },
    pack: tables::Region { base: 0x40280000, size: 0x83000 },
    pool: tables::Region { base: 0x40303000, size: 0x100000 },
};

/// What runs.
pub static SYSTEM: tables::System = tables::System {
    name: "hello",
    vms: &[
        tables::Vm {
            name: "hello",
            vmid: 1,
            memory: &[
                tables::VmMemory {
                    ipa: 0x40000000,
                    pa: tables::Region { base: 0x40600000, size: 0x200000 },
                    writable: true,
                    executable: true,
                },
            ],
            vcpus: &[
                tables::Vcpu {
                    affinity: tables::Affinity(0b1111),
                    weight: 256, cap: 0, priority: 0, budget_us: 0, period_us: 0,
                    partition: 0,
                    stack: None,
                },
                tables::Vcpu {
                    affinity: tables::Affinity(0b1111),
                    weight: 256, cap: 0, priority: 0, budget_us: 0, period_us: 0,
                    partition: 0,
                    stack: None,
                },
            ],
            image: tables::Image {
                kernel: tables::Module { source: tables::Source::Pack("built/hello.elf"), ipa: 0x40100000, limit: 0x30000 },
                initrd: None,
                dtb: tables::Module { source: tables::Source::Pack("vm0.dtb"), ipa: 0x401ff000, limit: 0x1000 },
                entry: None,
            },
            gic: tables::GuestGic {
                distributor: 0x8000000,
                redistributor_or_cpu: 0x8010000,
                spis: 32,
            },
            devices: &[
                tables::Device::Pl011 { ipa: 0x9000000, intid: 33 },
                tables::Device::Pl031 { ipa: 0x9010000, intid: 34 },
            ],
            on_crash: tables::CrashPolicy::Halt,
            start: tables::Start::Auto,
            may: tables::Permissions(0b0),
            controls: &[],
            grow: 0x0,
            grow_at: 0x0,
            pv_time: Some(0x90a0000),
        },
    ],
    pools: &[
        tables::Pool {
            name: "default",
            cores: 0b1111,
            policy: tables::Policy::RoundRobin,
            frame_us: 0,
        },
    ],
    threads: &[
    ],
    heap: None,
};

/// The windows of each pool's major frame; empty for a pool that is not cyclic.
#[allow(dead_code, reason = "not every configuration has cyclic pools")]
pub static FRAMES: [&[sched::Window]; 1] = [
    &[
    ],
];

/// `CONFIG_BOARD`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const CONFIG_BOARD: &str = "qemu-virt";
/// `CONFIG_CHECKPOINT_INTERVAL`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const CHECKPOINT_INTERVAL: u32 = 16;
/// `CONFIG_CONSOLE_PREFIX`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const CONSOLE_PREFIX: u8 = 1;
/// `CONFIG_CONTINUATION_SLOTS`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const CONTINUATION_SLOTS: usize = 4;
/// `CONFIG_HYBRID_BOUND_US`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const HYBRID_BOUND_US: u64 = 100;
/// `CONFIG_KERNEL_SIZE_MAX`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const KERNEL_SIZE_MAX: usize = 0x200000;
/// `CONFIG_NR_CPUS`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const NR_CPUS: usize = 4;
/// `CONFIG_POOL_SIZE`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const POOL_SIZE: usize = 0x100000;
/// `CONFIG_SCHED_SLICE_US`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const SCHED_SLICE_US: u64 = 10000;
/// `CONFIG_STACK_SIZE`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const STACK_SIZE: usize = 0x4000;
/// `CONFIG_TASK_SLICE_US`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const TASK_SLICE_US: u64 = 10;
/// `CONFIG_THREAD_STACK_SIZE`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const THREAD_STACK_SIZE: usize = 0x4000;
/// Most devices of any VM.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const DEVICES_MAX: usize = 2;
/// Bits of guest address that the system needs.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const IPA_BITS: u32 = 32;
/// Most pieces of memory of any VM.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const MEMORY_MAX: usize = 1;
/// Length of `BOARD.cpus`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const PCPUS: usize = 4;
/// Length of `SYSTEM.pools`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const POOLS: usize = 1;
/// Length of `SYSTEM.threads`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const THREADS: usize = 0;
/// EL2 stacks of vCPUs and hypervisor threads.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const THREAD_STACKS: usize = 0;
/// Most vCPUs of any VM.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const VCPUS_MAX: usize = 2;
/// vCPUs of all VMs together.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const VCPUS_TOTAL: usize = 2;
/// Length of `SYSTEM.vms`.
#[allow(dead_code, reason = "not every configuration's code uses every constant")]
pub const VMS: usize = 1;
