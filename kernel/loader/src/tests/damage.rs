//! Whatever the bytes are: no panic, no endless loop, no write outside the guest's memory, bounded steps.

extern crate std;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::chosen::{memory, modules};
use crate::dtb::{Dtb, set_initrd};
use crate::pack::Pack;

/// Files of every format, to be damaged.
fn samples() -> Vec<Vec<u8>> {
    let part = |data| Part {
        vaddr: BASE,
        paddr: BASE,
        data,
        memsz: 9000,
    };
    vec![
        image(5000, 0, 6000),
        gzip(&image(5000, 0, 6000), true),
        gzip(&[3; 40_000], false),
        elf(BASE + 4, &[part(&[1; 5000]), part(b"x")]),
        pack(&[("a", b"12345"), ("b", &[1; 5000])]),
        super::trees::host(),
        super::trees::guest(),
    ]
}

/// Uses the bytes as everything they could be.
fn use_as_everything(bytes: &[u8], budget: usize) {
    if let Ok(found) = Pack::parse(bytes) {
        assert!(found.entries().all(|entry| entry.data.len() <= bytes.len()));
    }
    if let Ok(tree) = Dtb::parse(bytes) {
        let _ = (
            tree.tokens().count(),
            memory(&tree).count(),
            modules(&tree).count(),
        );
    }
    let _ = set_initrd(&mut bytes.to_vec(), 1, 2);
    let mut ram = Ram::new(64 * 1024);
    let file = File {
        crc: None,
        ..kernel(bytes, &ram)
    };
    if let Ok(loaded) = load(file, &mut ram, budget) {
        assert!(loaded.start <= loaded.end && (loaded.start..=loaded.end).contains(&loaded.entry));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..4usize, budget in 1..500usize) {
        let magic: [&[u8]; 4] = [b"", b"CAESPACK\x01\0\0\0", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0", b"\x1f\x8b\x08\0"];
        use_as_everything(&[magic[kind], &bytes].concat(), budget);
    }

    #[test]
    fn damaged_files_do_no_harm(
        which in 0..7usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        early in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        budget in 100..5000usize,
    ) {
        let mut file = samples().swap_remove(which);
        // Half of the damage goes to the headers, where it matters most.
        let reach = if early { file.len().min(256) } else { file.len() };
        for (at, value) in &damage {
            file[at.index(reach)] = *value;
        }
        if cut.index(4) == 0 {
            file.truncate(cut.index(file.len()));
        }
        use_as_everything(&file, budget);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_was_compressed_comes_out_whatever_the_budget(
        data in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => any::<u8>()], 1..5000),
        budget in prop_oneof![1 => 1..4usize, 4 => 100..8000usize],
        decorated in any::<bool>(),
    ) {
        let mut ram = Ram::new(64 * 1024);
        let loaded = load(kernel(&gzip(&data, decorated), &ram), &mut ram, budget);
        // Random data may happen to look like another format; then it is refused, not mangled.
        if let Ok(loaded) = loaded {
            prop_assert!(loaded.end >= BASE + data.len() as u64);
            prop_assert_eq!(ram.at(BASE, data.len()), &data[..]);
        }
    }
}
