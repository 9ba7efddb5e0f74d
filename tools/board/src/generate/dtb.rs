//! A guest's device tree.
//!
//! It describes exactly what the guest has: its memory, cores, PSCI by `hvc`, GIC, timer, and devices.
//! Nodes and properties follow the Devicetree Specification 0.4 and Linux's bindings
//! (Documentation/devicetree/bindings), each named below. `rng-seed` and `kaslr-seed` are absent, so that
//! two runs are alike.
//!
//! Guarantees: the size depends only on the structure, never on addresses; `dtc` has no warnings about it.

use tables::Region;
use vm_fdt::{Error, FdtWriter};

use crate::model::{Device, DeviceKind};

/// Guest address of the distributor.
pub(crate) const DISTRIBUTOR: u64 = 0x0800_0000;
/// Guest address of the GICv2 CPU interface, 8 KiB.
pub(crate) const CPU_INTERFACE: u64 = 0x0801_0000;
/// Guest address of the GICv3 redistributors, 128 KiB per vCPU.
pub(crate) const REDISTRIBUTORS: u64 = 0x080a_0000;
/// Bytes of a redistributor: two 64 KiB frames (IHI 0069, 12.10).
pub(crate) const REDISTRIBUTOR_SIZE: u64 = 0x2_0000;

const GIC_PHANDLE: u32 = 1;
const CLOCK_PHANDLE: u32 = 2;
/// Input clock of the UART; what QEMU's `virt` says, too.
const APB_HZ: u32 = 24_000_000;

/// Interrupt specifier cells (arm,gic.yaml): kind, number, flags.
const SPI: u32 = 0;
const PPI: u32 = 1;
const LEVEL_HIGH: u32 = 4;
const LEVEL_LOW: u32 = 8;

/// What the tree describes.
#[derive(Clone, Debug)]
pub(crate) struct Tree<'a> {
    pub name: &'a str,
    pub memory: Vec<Region>,
    pub vcpus: usize,
    pub gic_version: u8,
    pub devices: &'a [Device],
    pub bootargs: &'a str,
    /// First byte, and first byte after it.
    pub initrd: Option<(u64, u64)>,
}

/// Writes the tree.
pub(crate) fn write(tree: &Tree<'_>) -> Result<Vec<u8>, Error> {
    let mut fdt = FdtWriter::new()?;
    let root = fdt.begin_node("")?;
    // dummy-virt is what Linux's bindings call a machine that consists of its description only.
    fdt.property_string("compatible", "linux,dummy-virt")?;
    fdt.property_string("model", &format!("Caesura guest {}", tree.name))?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_u32("interrupt-parent", GIC_PHANDLE)?;

    chosen(&mut fdt, tree)?;
    for region in &tree.memory {
        let node = fdt.begin_node(&format!("memory@{:x}", region.base))?;
        fdt.property_string("device_type", "memory")?;
        fdt.property_array_u64("reg", &[region.base, region.size])?;
        fdt.end_node(node)?;
    }
    cpus(&mut fdt, tree)?;

    // psci.yaml
    let node = fdt.begin_node("psci")?;
    strings(&mut fdt, "compatible", &["arm,psci-1.0", "arm,psci-0.2"])?;
    fdt.property_string("method", "hvc")?;
    fdt.end_node(node)?;

    gic(&mut fdt, tree)?;
    timer(&mut fdt, tree)?;
    if !tree.devices.is_empty() {
        // fixed-clock.yaml
        let node = fdt.begin_node("apb-pclk")?;
        fdt.property_string("compatible", "fixed-clock")?;
        fdt.property_u32("#clock-cells", 0)?;
        fdt.property_u32("clock-frequency", APB_HZ)?;
        fdt.property_string("clock-output-names", "clk24mhz")?;
        fdt.property_phandle(CLOCK_PHANDLE)?;
        fdt.end_node(node)?;
    }
    for device in tree.devices {
        primecell(&mut fdt, device)?;
    }
    fdt.end_node(root)?;
    fdt.finish()
}

/// The path of a device's node.
fn node_name(device: &Device) -> String {
    let kind = match device.kind {
        DeviceKind::Uart => "pl011",
        DeviceKind::Rtc => "pl031",
    };
    format!("{kind}@{:x}", device.ipa)
}

fn strings(fdt: &mut FdtWriter, name: &str, values: &[&str]) -> Result<(), Error> {
    fdt.property_string_list(
        name,
        values.iter().map(|value| (*value).to_owned()).collect(),
    )
}

fn chosen(fdt: &mut FdtWriter, tree: &Tree<'_>) -> Result<(), Error> {
    let node = fdt.begin_node("chosen")?;
    if !tree.bootargs.is_empty() {
        fdt.property_string("bootargs", tree.bootargs)?;
    }
    if let Some(uart) = tree
        .devices
        .iter()
        .find(|device| device.kind == DeviceKind::Uart)
    {
        fdt.property_string("stdout-path", &format!("/{}", node_name(uart)))?;
    }
    if let Some((start, end)) = tree.initrd {
        fdt.property_u64("linux,initrd-start", start)?;
        fdt.property_u64("linux,initrd-end", end)?;
    }
    fdt.end_node(node)
}

/// arm/cpus.yaml; vCPU n has MPIDR affinity n.
fn cpus(fdt: &mut FdtWriter, tree: &Tree<'_>) -> Result<(), Error> {
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    for cpu in 0..tree.vcpus {
        let node = fdt.begin_node(&format!("cpu@{cpu:x}"))?;
        fdt.property_string("device_type", "cpu")?;
        fdt.property_string("compatible", "arm,armv8")?;
        fdt.property_string("enable-method", "psci")?;
        fdt.property_u32("reg", cpu as u32)?;
        fdt.end_node(node)?;
    }
    fdt.end_node(cpus)
}

/// arm,gic.yaml and arm,gic-v3.yaml. There is no `interrupts`: a guest has no maintenance interrupt.
fn gic(fdt: &mut FdtWriter, tree: &Tree<'_>) -> Result<(), Error> {
    let node = fdt.begin_node(&format!("interrupt-controller@{DISTRIBUTOR:x}"))?;
    if tree.gic_version == 2 {
        fdt.property_string("compatible", "arm,cortex-a15-gic")?;
        fdt.property_array_u64("reg", &[DISTRIBUTOR, 0x1000, CPU_INTERFACE, 0x2000])?;
    } else {
        let redistributors = tree.vcpus as u64 * REDISTRIBUTOR_SIZE;
        fdt.property_string("compatible", "arm,gic-v3")?;
        fdt.property_array_u64(
            "reg",
            &[DISTRIBUTOR, 0x1_0000, REDISTRIBUTORS, redistributors],
        )?;
        fdt.property_u32("#redistributor-regions", 1)?;
    }
    fdt.property_null("interrupt-controller")?;
    fdt.property_u32("#interrupt-cells", 3)?;
    // Cells that a child would need; none exists, but an interrupt-map walk asks for them.
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_null("ranges")?;
    fdt.property_phandle(GIC_PHANDLE)?;
    fdt.end_node(node)
}

/// arm,arch_timer.yaml: secure and non-secure physical, virtual, hypervisor timer, in this order.
fn timer(fdt: &mut FdtWriter, tree: &Tree<'_>) -> Result<(), Error> {
    // On GICv2 the flags carry the mask of cores to which a PPI belongs.
    let cores = if tree.gic_version == 2 {
        ((1u32 << tree.vcpus) - 1) << 8
    } else {
        0
    };
    let flags = cores | LEVEL_LOW;
    let cells: Vec<u32> = [13, 14, 11, 10]
        .into_iter()
        .flat_map(|ppi| [PPI, ppi, flags])
        .collect();
    let node = fdt.begin_node("timer")?;
    strings(fdt, "compatible", &["arm,armv8-timer", "arm,armv7-timer"])?;
    fdt.property_array_u32("interrupts", &cells)?;
    // The virtual timer goes on while a vCPU waits, so it can wake it.
    fdt.property_null("always-on")?;
    fdt.end_node(node)
}

/// pl011.yaml, arm,pl031.yaml
fn primecell(fdt: &mut FdtWriter, device: &Device) -> Result<(), Error> {
    let node = fdt.begin_node(&node_name(device))?;
    let (compatible, clocks): (_, &[&str]) = match device.kind {
        DeviceKind::Uart => ("arm,pl011", &["uartclk", "apb_pclk"]),
        DeviceKind::Rtc => ("arm,pl031", &["apb_pclk"]),
    };
    strings(fdt, "compatible", &[compatible, "arm,primecell"])?;
    fdt.property_array_u64("reg", &[device.ipa, 0x1000])?;
    fdt.property_array_u32("interrupts", &[SPI, device.intid - 32, LEVEL_HIGH])?;
    fdt.property_array_u32("clocks", &vec![CLOCK_PHANDLE; clocks.len()])?;
    strings(fdt, "clock-names", clocks)?;
    fdt.end_node(node)
}

#[cfg(test)]
mod tests;
