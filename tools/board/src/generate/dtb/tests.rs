//! The tree is read back by another crate and judged by `dtc`.

use std::io::Write;
use std::process::{Command, Stdio};

use fdt::Fdt;

use super::*;

const DEVICES: &[Device] = &[
    Device {
        kind: DeviceKind::Uart,
        ipa: 0x0900_0000,
        intid: 33,
    },
    Device {
        kind: DeviceKind::Rtc,
        ipa: 0x0901_0000,
        intid: 34,
    },
];

fn tree(gic_version: u8, vcpus: usize) -> Tree<'static> {
    Tree {
        name: "linux0",
        memory: vec![Region {
            base: 0x4000_0000,
            size: 256 << 20,
        }],
        vcpus,
        gic_version,
        devices: DEVICES,
        bootargs: "console=ttyAMA0",
        initrd: Some((0x4f00_0000, 0x4f10_0123)),
    }
}

/// A property's bytes, if the node and the property exist.
fn property<'a>(bytes: &'a [u8], path: &str, name: &str) -> Option<&'a [u8]> {
    let fdt = Fdt::new_unaligned(bytes).expect("a device tree");
    let node = fdt
        .find_node(path)
        .unwrap_or_else(|| panic!("no node {path}"));
    node.raw_property(name).map(|property| property.value)
}

/// The cells of a property.
fn cells(bytes: &[u8], path: &str, name: &str) -> Vec<u32> {
    let value = property(bytes, path, name).unwrap_or_else(|| panic!("no {name} in {path}"));
    value
        .chunks_exact(4)
        .map(|c| u32::from_be_bytes(c.try_into().unwrap()))
        .collect()
}

fn text<'a>(bytes: &'a [u8], path: &str, name: &str) -> &'a str {
    let value = property(bytes, path, name).unwrap_or_else(|| panic!("no {name} in {path}"));
    std::str::from_utf8(value).unwrap().trim_end_matches('\0')
}

#[test]
fn linux_finds_what_it_needs() {
    let bytes = write(&tree(3, 2)).unwrap();
    assert_eq!(
        Fdt::new_unaligned(&bytes).unwrap().total_size(),
        bytes.len()
    );
    assert_eq!(
        cells(&bytes, "/memory@40000000", "reg"),
        [0, 0x4000_0000, 0, 256 << 20]
    );
    assert_eq!(cells(&bytes, "/cpus/cpu@0", "reg"), [0]);
    assert_eq!(cells(&bytes, "/cpus/cpu@1", "reg"), [1]);
    assert_eq!(text(&bytes, "/cpus/cpu@1", "enable-method"), "psci");
    assert_eq!(text(&bytes, "/psci", "method"), "hvc");
    assert_eq!(text(&bytes, "/chosen", "bootargs"), "console=ttyAMA0");
    assert_eq!(text(&bytes, "/chosen", "stdout-path"), "/pl011@9000000");
    assert_eq!(
        cells(&bytes, "/chosen", "linux,initrd-start"),
        [0, 0x4f00_0000]
    );
    assert_eq!(
        cells(&bytes, "/chosen", "linux,initrd-end"),
        [0, 0x4f10_0123]
    );
    assert_eq!(cells(&bytes, "/pl011@9000000", "interrupts"), [0, 1, 4]);
    assert_eq!(cells(&bytes, "/pl031@9010000", "interrupts"), [0, 2, 4]);
    assert_eq!(
        cells(&bytes, "/timer", "interrupts"),
        [1, 13, 8, 1, 14, 8, 1, 11, 8, 1, 10, 8]
    );
    assert_eq!(
        cells(&bytes, "/interrupt-controller@8000000", "reg"),
        [0, 0x0800_0000, 0, 0x1_0000, 0, 0x080a_0000, 0, 0x4_0000]
    );
}

#[test]
fn a_gicv2_tree_names_its_cores_in_the_timer_interrupts() {
    let bytes = write(&tree(2, 3)).unwrap();
    assert_eq!(
        cells(&bytes, "/interrupt-controller@8000000", "reg"),
        [0, 0x0800_0000, 0, 0x1000, 0, 0x0801_0000, 0, 0x2000]
    );
    assert_eq!(cells(&bytes, "/timer", "interrupts")[2], 0x708);
}

#[test]
fn nothing_random_is_handed_to_the_guest() {
    let bytes = write(&tree(3, 1)).unwrap();
    assert_eq!(property(&bytes, "/chosen", "rng-seed"), None);
    assert_eq!(property(&bytes, "/chosen", "kaslr-seed"), None);
    assert_eq!(bytes, write(&tree(3, 1)).unwrap());
}

#[test]
fn the_size_does_not_depend_on_addresses() {
    let mut far = tree(3, 2);
    far.initrd = Some((u64::MAX - 10, u64::MAX));
    assert_eq!(
        write(&tree(3, 2)).unwrap().len(),
        write(&far).unwrap().len()
    );
}

#[test]
fn dtc_has_no_complaint() {
    for gic_version in [2, 3] {
        for (devices, initrd) in [(DEVICES, Some((0x4f00_0000, 0x4f10_0000))), (&[], None)] {
            let bytes = write(&Tree {
                devices,
                initrd,
                ..tree(gic_version, 8)
            })
            .unwrap();
            let mut dtc = match Command::new("dtc")
                .args(["-I", "dtb", "-O", "dts", "-o", "/dev/null", "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
            {
                Ok(dtc) => dtc,
                Err(error) => panic!("dtc is needed for this test (`make setup`): {error}"),
            };
            dtc.stdin.take().unwrap().write_all(&bytes).unwrap();
            let output = dtc.wait_with_output().unwrap();
            assert!(output.status.success());
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
    }
}
