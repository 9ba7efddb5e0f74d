//! `tables.rs`: the model as Rust constants of the types in the crate `tables`.

use minijinja::{Value, context};

use super::constants;
use crate::generate::dtb::{CPU_INTERFACE, DISTRIBUTOR, REDISTRIBUTORS};
use crate::model::{
    Conduit, Crash, Device, DeviceKind, Gic, Model, Params, Payload, Pool, Thread, Vm,
};
use tables::Region;

const TEMPLATE: &str = include_str!("../../templates/tables.rs.j2");

/// Renders the file.
pub(crate) fn render(model: &Model) -> Result<String, String> {
    let environment = super::linker::environment()
        .map_err(|error| format!("the template engine cannot be set up: {error:#}"))?;
    let board = &model.board;
    environment
        .render_str(
            TEMPLATE,
            context! {
                board => context! {
                    name => literal(&board.name),
                    load_address => hex(board.load_address),
                    cpus => board.cpus.iter().map(|cpu| context! {
                        mpidr => hex(cpu.mpidr),
                        // As strings: the template engine writes a bool as Python does.
                        preemptible => cpu.preemptible.to_string(),
                    }).collect::<Vec<_>>(),
                    memory => board.memory.iter().map(region).collect::<Vec<_>>(),
                    uart => region(&board.uart.region),
                    uart_intid => board.uart.intid,
                    uart_clock_hz => board.uart.clock_hz,
                    gic => gic(&board.gic),
                    hypervisor => board.timers.hypervisor,
                    virtual_ => board.timers.virtual_,
                    physical => board.timers.physical,
                    psci => match board.psci {
                        Conduit::Smc => "Smc",
                        Conduit::Hvc => "Hvc",
                        Conduit::None => "None",
                    },
                },
                plan => context! {
                    kernel => region(&model.plan.kernel),
                    pack => region(&model.plan.pack),
                    pool => region(&model.plan.pool),
                },
                system => literal(&model.system.name),
                pools => model.system.pools.iter().map(pool).collect::<Vec<_>>(),
                threads => model.system.threads.iter().map(|own| thread(own, model)).collect::<Vec<_>>(),
                heap => optional(model.plan.heap.as_ref().map(region)),
                vms => model.system.vms.iter().enumerate().map(|(index, vm)| {
                    vm_context(index, vm, board.gic.version())
                }).collect::<Vec<_>>(),
                constants => constants::of(model).into_iter().map(|constant| context! {
                    doc => constant.doc,
                    name => constant.name,
                    kind => constant.kind,
                    value => constant.value,
                }).collect::<Vec<_>>(),
            },
        )
        .map_err(|error| format!("the template of tables.rs is wrong: {error:#}"))
}

/// A string as Rust writes it.
fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// A number as Rust writes an address.
fn hex(number: u64) -> String {
    format!("{number:#x}")
}

fn region(region: &Region) -> String {
    format!(
        "tables::Region {{ base: {:#x}, size: {:#x} }}",
        region.base, region.size
    )
}

fn gic(gic: &Gic) -> Value {
    match gic {
        Gic::V2 {
            distributor,
            cpu,
            hypervisor,
            vcpu,
            maintenance,
        } => context! {
            version => 2,
            distributor => region(distributor),
            cpu => region(cpu),
            hypervisor => region(hypervisor),
            vcpu => region(vcpu),
            maintenance => maintenance,
        },
        Gic::V3 {
            distributor,
            redistributors,
            maintenance,
        } => context! {
            version => 3,
            distributor => region(distributor),
            redistributors => redistributors.iter().map(region).collect::<Vec<_>>(),
            maintenance => maintenance,
        },
    }
}

fn vm_context(index: usize, vm: &Vm, gic_version: u8) -> Value {
    let highest = vm
        .devices
        .iter()
        .map(|device| device.intid)
        .max()
        .unwrap_or(0)
        .max(63);
    context! {
        name => literal(&vm.name),
        vmid => index + 1,
        memory => vm.memory.iter().map(|memory| context! {
            ipa => hex(memory.ipa),
            pa => region(&memory.pa),
            writable => memory.writable.to_string(),
            executable => memory.executable.to_string(),
        }).collect::<Vec<_>>(),
        vcpus => vm.vcpus.iter().map(|vcpu| context! {
            affinity => format!("{:#b}", vcpu.affinity),
            params => params(&vcpu.params),
            stack => optional(vcpu.stack),
        }).collect::<Vec<_>>(),
        partition => index,
        kernel => payload(&vm.image.kernel),
        initrd => vm.image.initrd.as_ref().map(payload),
        dtb => module(
            &format!("Pack({})", literal(&vm.image.dtb_name)),
            vm.image.dtb_ipa,
            vm.image.dtb_limit,
        ),
        entry => match vm.image.entry {
            Some(entry) => format!("Some({entry:#x})"),
            None => "None".to_owned(),
        },
        distributor => hex(DISTRIBUTOR),
        redistributor_or_cpu => hex(if gic_version == 2 { CPU_INTERFACE } else { REDISTRIBUTORS }),
        // INTIDs 0 to 31 are private; the rest comes in registers of 32.
        spis => (highest + 1).next_multiple_of(32) - 32,
        devices => vm.devices.iter().map(device).collect::<Vec<_>>(),
        on_crash => match vm.on_crash {
            Crash::Restart(limit) => format!("Restart({limit})"),
            Crash::Halt => "Halt".to_owned(),
            Crash::PowerOff => "PowerOff".to_owned(),
        },
        start => format!("{:?}", vm.start),
        may => format!("{:#b}", vm.may.0),
        controls => vm.controls.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        grow => hex(vm.grow.map_or(0, |window| window.size)),
        grow_at => hex(vm.grow.map_or(0, |window| window.base)),
        pv_time => optional(vm.pv_time.map(hex)),
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(
        || "None".to_owned(),
        |value| format!("Some({})", value.to_string()),
    )
}

fn pool(pool: &Pool) -> Value {
    context! {
        name => literal(&pool.name),
        cores => format!("{:#b}", pool.cores),
        policy => format!("{:?}", pool.policy),
        frame_us => pool.frame_us,
        windows => pool.windows.iter().map(|window| context! {
            start_us => window.start_us,
            length_us => window.length_us,
            cores => format!("{:#b}", window.cores),
            partition => window.partition,
        }).collect::<Vec<_>>(),
    }
}

fn thread(thread: &Thread, model: &Model) -> Value {
    context! {
        name => literal(thread.name),
        affinity => format!("{:#b}", thread.affinity),
        params => params(&thread.params),
        partition => model.system.vms.len(),
        background => thread.background.to_string(),
        stack => thread.stack,
    }
}

/// The fields that a vCPU and a thread have in common, on one line.
fn params(params: &Params) -> String {
    format!(
        "weight: {}, cap: {}, priority: {}, budget_us: {}, period_us: {}",
        params.weight, params.cap, params.priority, params.budget_us, params.period_us
    )
}

fn payload(payload: &Payload) -> String {
    let place = if payload.module { "Chosen" } else { "Pack" };
    module(
        &format!("{place}({})", literal(&payload.name)),
        payload.ipa,
        payload.limit,
    )
}

fn module(source: &str, ipa: u64, limit: u64) -> String {
    format!(
        "tables::Module {{ source: tables::Source::{source}, ipa: {ipa:#x}, limit: {limit:#x} }}"
    )
}

fn device(device: &Device) -> String {
    let kind = match device.kind {
        DeviceKind::Uart => "Pl011",
        DeviceKind::Rtc => "Pl031",
    };
    format!(
        "tables::Device::{kind} {{ ipa: {:#x}, intid: {} }}",
        device.ipa, device.intid
    )
}
