//! Device trees: what is found in them, what is refused, and the initrd cells.

extern crate std;

use std::string::ToString;
use std::vec::Vec;

use vm_fdt::FdtWriter;

use crate::chosen::{Module, Range, memory, modules};
use crate::dtb::{Dtb, DtbError, Token, set_initrd};

/// A boot loader's tree: two memory nodes, and two modules among other nodes.
pub(super) fn host() -> Vec<u8> {
    let mut fdt = FdtWriter::new().unwrap();
    let root = fdt.begin_node("").unwrap();
    fdt.property_u32("#address-cells", 2).unwrap();
    fdt.property_u32("#size-cells", 2).unwrap();
    let node = fdt.begin_node("memory@40000000").unwrap();
    fdt.property_string("device_type", "memory").unwrap();
    fdt.property_array_u64("reg", &[0x4000_0000, 0x2000_0000, 0x8_0000_0000, 0x1000])
        .unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("memory@90000000").unwrap();
    fdt.property_string("device_type", "memory").unwrap();
    fdt.property_array_u64("reg", &[0x9000_0000, 0x1000])
        .unwrap();
    let child = fdt.begin_node("bank").unwrap();
    fdt.property_array_u64("reg", &[1, 2]).unwrap();
    fdt.end_node(child).unwrap();
    fdt.end_node(node).unwrap();
    let chosen = fdt.begin_node("chosen").unwrap();
    fdt.property_string("bootargs", "hypervisor's own").unwrap();
    fdt.property_u32("#address-cells", 2).unwrap();
    fdt.property_u32("#size-cells", 1).unwrap();
    let node = fdt.begin_node("module@48000000").unwrap();
    fdt.property_string_list(
        "compatible",
        std::vec!["multiboot,kernel".into(), "multiboot,module".into()],
    )
    .unwrap();
    fdt.property_array_u32("reg", &[0, 0x4800_0000, 0x123])
        .unwrap();
    fdt.property_string("bootargs", "vm0-kernel").unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("framebuffer").unwrap();
    fdt.property_string("compatible", "simple-framebuffer")
        .unwrap();
    fdt.property_array_u32("reg", &[0, 1, 2]).unwrap();
    fdt.end_node(node).unwrap();
    let node = fdt.begin_node("module@49000000").unwrap();
    fdt.property_string("compatible", "caesura,module").unwrap();
    fdt.property_array_u32("reg", &[1, 0x4900_0000, 0x456])
        .unwrap();
    fdt.end_node(node).unwrap();
    fdt.end_node(chosen).unwrap();
    let node = fdt.begin_node("soc").unwrap();
    let child = fdt.begin_node("module@0").unwrap();
    fdt.property_string("compatible", "caesura,module").unwrap();
    fdt.property_array_u32("reg", &[0, 0, 1]).unwrap();
    fdt.end_node(child).unwrap();
    fdt.end_node(node).unwrap();
    fdt.end_node(root).unwrap();
    fdt.finish().unwrap()
}

/// A guest's tree with room for an initrd's addresses: 8 and 4 bytes.
pub(super) fn guest() -> Vec<u8> {
    let mut fdt = FdtWriter::new().unwrap();
    let root = fdt.begin_node("").unwrap();
    let node = fdt.begin_node("chosen").unwrap();
    fdt.property_string("bootargs", "quiet").unwrap();
    fdt.property_u64("linux,initrd-start", 0).unwrap();
    fdt.property_u32("linux,initrd-end", 0).unwrap();
    fdt.end_node(node).unwrap();
    fdt.end_node(root).unwrap();
    fdt.finish().unwrap()
}

#[test]
fn memory_and_modules_are_found() {
    let blob = host();
    let tree = Dtb::parse(&blob).unwrap();
    let ram: Vec<(u64, u64)> = memory(&tree).map(|r| (r.base, r.size)).collect();
    assert_eq!(
        ram,
        [
            (0x4000_0000, 0x2000_0000),
            (0x8_0000_0000, 0x1000),
            (0x9000_0000, 0x1000)
        ]
    );
    let found: Vec<Module<'_>> = modules(&tree).collect();
    let first = Module {
        node: "module@48000000",
        bootargs: "vm0-kernel",
        range: Range {
            base: 0x4800_0000,
            size: 0x123,
        },
    };
    let second = Module {
        node: "module@49000000",
        bootargs: "",
        range: Range {
            base: 0x1_4900_0000,
            size: 0x456,
        },
    };
    assert_eq!(found, [first, second]);
}

#[test]
fn removed_nodes_do_not_disturb() {
    let mut blob = host();
    // The framebuffer node, overwritten with NOP tokens as boot loaders do.
    let name = blob
        .windows(12)
        .position(|w| w == b"framebuffer\0")
        .unwrap()
        - 4;
    let next = blob
        .windows(16)
        .position(|w| w == b"module@49000000\0")
        .unwrap()
        - 4;
    for word in blob[name..next].chunks_exact_mut(4) {
        word.copy_from_slice(&4u32.to_be_bytes());
    }
    let tree = Dtb::parse(&blob).unwrap();
    assert_eq!(modules(&tree).count(), 2);
    assert!(!tree.tokens().any(|t| t == Token::Begin("framebuffer")));
}

#[test]
fn initrd_addresses_are_set_in_place() {
    let mut blob = guest();
    let before = blob.clone();
    set_initrd(&mut blob, 0x1_4800_0000, 0x4900_0000).unwrap();
    let tree = Dtb::parse(&blob).unwrap();
    let value = |wanted: &str| {
        tree.tokens().find_map(|t| match t {
            Token::Property { name, value, .. } if name == wanted => Some(value.to_vec()),
            _ => None,
        })
    };
    assert_eq!(
        value("linux,initrd-start").unwrap(),
        0x1_4800_0000u64.to_be_bytes()
    );
    assert_eq!(
        value("linux,initrd-end").unwrap(),
        0x4900_0000u32.to_be_bytes()
    );
    assert_eq!(value("bootargs").unwrap(), b"quiet\0");
    let changed = blob.iter().zip(&before).filter(|(a, b)| a != b).count();
    assert!(changed <= 12, "{changed} bytes changed");
    assert_eq!(
        set_initrd(&mut blob, 0, 1 << 32),
        Err(DtbError::DoesNotFit("linux,initrd-end"))
    );
    assert_eq!(
        set_initrd(&mut host(), 0, 1),
        Err(DtbError::Missing("linux,initrd-start"))
    );
}

#[test]
fn what_is_no_tree_is_refused_by_what_is_wrong() {
    let good = guest();
    let change = |at: usize, to: &[u8]| {
        let mut blob = good.clone();
        blob[at..at + to.len()].copy_from_slice(to);
        Dtb::parse(Vec::leak(blob)).map(|_| ())
    };
    assert_eq!(Dtb::parse(b"").map(|_| ()), Err(DtbError::NoMagic(0)));
    assert_eq!(change(0, &[0]), Err(DtbError::NoMagic(0x000d_feed)));
    assert!(DtbError::NoMagic(5).to_string().contains("boot loader"));
    assert_eq!(change(4, &[0xff]), Err(DtbError::Size));
    assert_eq!(change(8, &[0xff; 4]), Err(DtbError::Size));
    assert_eq!(change(12, &[0xff; 4]), Err(DtbError::Size));
    assert_eq!(change(24, &18u32.to_be_bytes()), Err(DtbError::Version(18)));
    let structure = u32::from_be_bytes(*good[8..].first_chunk().unwrap()) as usize;
    assert_eq!(
        change(structure, &7u32.to_be_bytes()),
        Err(DtbError::Structure(0))
    );
    // No root, no end, properties outside a node.
    assert_eq!(
        change(structure, &9u32.to_be_bytes()),
        Err(DtbError::Structure(0))
    );
    assert_eq!(
        change(structure, &2u32.to_be_bytes()),
        Err(DtbError::Structure(0))
    );
    let end = structure + u32::from_be_bytes(*good[36..].first_chunk().unwrap()) as usize - 4;
    assert!(matches!(
        change(end, &4u32.to_be_bytes()),
        Err(DtbError::Structure(_))
    ));
    assert!(matches!(
        change(end - 4, &4u32.to_be_bytes()),
        Err(DtbError::Structure(_))
    ));
}
