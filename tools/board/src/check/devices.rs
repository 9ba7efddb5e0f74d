//! A VM's devices: which it has, and what of its address space they and its interrupt controller take.

use tables::Region;

use super::{Named, needs, page_aligned, unique};
use crate::diag::Diagnostic;
use crate::generate::dtb;
use crate::model::{Board, Device, DeviceKind};
use crate::reader::At;
use crate::schema::device::DeviceSpec;
use crate::schema::system::VmSpec;
use crate::symbols::Symbols;

/// Where a device is unless the system says otherwise, as on QEMU's `virt`; and the symbol it needs.
fn usual(kind: DeviceKind) -> (Device, &'static str, &'static str) {
    match kind {
        DeviceKind::Uart => (
            Device {
                kind,
                ipa: 0x0900_0000,
                intid: 33,
            },
            "VDEV_PL011",
            "uart",
        ),
        DeviceKind::Rtc => (
            Device {
                kind,
                ipa: 0x0901_0000,
                intid: 34,
            },
            "VDEV_PL031",
            "rtc",
        ),
    }
}

/// Checks the list, or makes the usual one.
pub(super) fn check(
    vm: &VmSpec,
    symbols: &dyn Symbols,
    found: &mut Vec<Diagnostic>,
) -> Vec<Device> {
    let Some(specs) = &vm.devices else {
        return [DeviceKind::Uart, DeviceKind::Rtc]
            .map(usual)
            .into_iter()
            .filter(|(_, symbol, _)| symbols.bool(symbol))
            .map(|(device, _, _)| device)
            .collect();
    };
    let mut intids = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let (_, symbol, name) = usual(spec.kind);
        needs(
            symbols,
            symbol,
            &spec.span,
            &format!("the device `{name}`"),
            found,
        );
        if let Some(first) = specs[..index].iter().find(|other| other.kind == spec.kind) {
            found.push(
                Diagnostic::new(
                    spec.span.clone(),
                    format!("`{}` has a second {name}", vm.name.value),
                )
                .label("a VM can have one")
                .related(first.span.clone(), "this is the first"),
            );
        }
        if let Some(ipa) = &spec.ipa {
            page_aligned(ipa, "the device's address", found);
        }
        if let Some(intid) = spec
            .intid
            .as_ref()
            .filter(|i| !(32..1020).contains(&i.value))
        {
            found.push(
                Diagnostic::new(
                    intid.span.clone(),
                    format!("INTID {} is not a shared peripheral interrupt", intid.value),
                )
                .label("must be 32 to 1019"),
            );
        }
        intids.push(At::new(device_of(spec).intid, spec.span.clone()));
    }
    unique(
        &intids,
        |intid| format!("two devices have the INTID {intid}"),
        found,
    );
    specs.iter().map(device_of).collect()
}

fn device_of(spec: &DeviceSpec) -> Device {
    let (usual, _, _) = usual(spec.kind);
    Device {
        kind: spec.kind,
        ipa: spec.ipa.as_ref().map_or(usual.ipa, |ipa| ipa.value),
        intid: spec.intid.as_ref().map_or(usual.intid, |intid| intid.value),
    }
}

/// The ranges of guest addresses that devices take.
pub(super) fn windows(vm: &VmSpec, devices: &[Device], board: &Board) -> Vec<Named> {
    let named = |name: &str, base, size, span: &std::ops::Range<usize>| Named {
        name: name.to_owned(),
        region: Region { base, size },
        span: span.clone(),
    };
    let mut windows = vec![named(
        "the virtual GIC distributor",
        dtb::DISTRIBUTOR,
        0x1_0000,
        &vm.span,
    )];
    windows.push(match board.gic.version() {
        2 => named(
            "the virtual GIC CPU interface",
            dtb::CPU_INTERFACE,
            0x2000,
            &vm.span,
        ),
        _ => named(
            "the virtual GIC redistributors",
            dtb::REDISTRIBUTORS,
            vm.vcpus.len() as u64 * dtb::REDISTRIBUTOR_SIZE,
            &vm.span,
        ),
    });
    for (index, device) in devices.iter().enumerate() {
        let span = vm
            .devices
            .as_ref()
            .and_then(|specs| specs.get(index))
            .map_or(&vm.span, |s| &s.span);
        let name = format!("the device `{}`", usual(device.kind).2);
        windows.push(named(&name, device.ipa, 0x1000, span));
    }
    windows
}
