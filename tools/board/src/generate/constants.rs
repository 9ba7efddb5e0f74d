//! The typed constants of `tables.rs`: the numeric and string symbols, and sizes derived from the system.

use crate::model::Model;
use crate::symbols::Value;

/// A constant: what it is, name, Rust type and value.
pub(crate) struct Constant {
    pub doc: String,
    pub name: String,
    pub kind: &'static str,
    pub value: String,
}

/// Names in `tables.rs` that are no symbol's; a symbol of such a name gets the prefix `CONFIG_`.
const TAKEN: &[&str] = &["BOARD", "FRAMES", "PLAN", "SYSTEM"];

/// Symbols that the kernel wants in another type than their kind's usual one (`u64`).
fn kind_of(name: &str) -> &'static str {
    match name {
        "NR_CPUS" | "STACK_SIZE" | "THREAD_STACK_SIZE" | "POOL_SIZE" | "KERNEL_SIZE_MAX"
        | "CONTINUATION_SLOTS" => "usize",
        "CHECKPOINT_INTERVAL" => "u32",
        "CONSOLE_PREFIX" => "u8",
        _ => "u64",
    }
}

/// All constants, the symbols' first, each group by name.
pub(crate) fn of(model: &Model) -> Vec<Constant> {
    let derived = derived(model);
    let taken =
        |name: &str| TAKEN.contains(&name) || derived.iter().any(|(of, _, _, _)| *of == name);
    let symbols = model.symbols.iter().filter_map(|(name, value)| {
        let (kind, value) = match value {
            Value::Bool(_) => return None,
            Value::Int(value) if *value < 0 => ("i64", value.to_string()),
            Value::Int(value) => (kind_of(name), value.to_string()),
            Value::Hex(value) => (kind_of(name), format!("{value:#x}")),
            Value::String(text) => ("&str", format!("{text:?}")),
        };
        let own = if taken(name) {
            format!("CONFIG_{name}")
        } else {
            name.clone()
        };
        Some(Constant {
            doc: format!("`CONFIG_{name}`."),
            name: own,
            kind,
            value,
        })
    });
    let mut constants: Vec<Constant> = symbols.collect();
    constants.extend(derived.iter().map(|(name, kind, value, doc)| Constant {
        doc: (*doc).to_owned(),
        name: (*name).to_owned(),
        kind,
        value: value.to_string(),
    }));
    constants
}

type Derived = (&'static str, &'static str, u64, &'static str);

fn derived(model: &Model) -> Vec<Derived> {
    let vms = &model.system.vms;
    let most =
        |count: fn(&crate::model::Vm) -> usize| vms.iter().map(count).max().unwrap_or(0) as u64;
    let memory = vms
        .iter()
        .flat_map(|vm| &vm.memory)
        .map(|m| m.ipa_region().end());
    let windows = vms.iter().filter_map(|vm| vm.grow).map(|w| w.end());
    let ipa_end = memory.chain(windows).max();
    // 32 bits cover every device; more only where memory reaches further.
    let ipa_bits =
        u64::from((u64::BITS - ipa_end.unwrap_or(0).saturating_sub(1).leading_zeros()).max(32));
    vec![
        (
            "DEVICES_MAX",
            "usize",
            most(|vm| vm.devices.len()),
            "Most devices of any VM.",
        ),
        (
            "IPA_BITS",
            "u32",
            ipa_bits,
            "Bits of guest address that the system needs.",
        ),
        (
            "MEMORY_MAX",
            "usize",
            most(|vm| vm.memory.len()),
            "Most pieces of memory of any VM.",
        ),
        (
            "PCPUS",
            "usize",
            model.board.cpus.len() as u64,
            "Length of `BOARD.cpus`.",
        ),
        (
            "POOLS",
            "usize",
            model.system.pools.len() as u64,
            "Length of `SYSTEM.pools`.",
        ),
        (
            "THREADS",
            "usize",
            model.system.threads.len() as u64,
            "Length of `SYSTEM.threads`.",
        ),
        (
            "THREAD_STACKS",
            "usize",
            model.system.thread_stacks() as u64,
            "EL2 stacks of vCPUs and hypervisor threads.",
        ),
        (
            "VCPUS_MAX",
            "usize",
            most(|vm| vm.vcpus.len()),
            "Most vCPUs of any VM.",
        ),
        (
            "VCPUS_TOTAL",
            "usize",
            vms.iter().map(|vm| vm.vcpus.len() as u64).sum(),
            "vCPUs of all VMs together.",
        ),
        ("VMS", "usize", vms.len() as u64, "Length of `SYSTEM.vms`."),
    ]
}
