//! Packs and image formats: what is loaded where, and what each mistake is called.

extern crate std;

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::image::{Format, recognise};
use crate::pack::{Pack, PackError};

const MIB: usize = 1 << 20;

#[test]
fn a_pack_gives_its_entries_by_name() {
    let bytes = pack(&[
        ("hello.elf", b"12345"),
        ("vm0.dtb", b""),
        ("kernel.symbols", &[7; 5000]),
    ]);
    let mut longer = bytes.clone();
    longer.resize(bytes.len() + 999, 0xff);
    let found = Pack::parse(&longer).unwrap();
    assert_eq!(found.size(), bytes.len());
    assert_eq!(
        found.entries().map(|e| e.name).collect::<Vec<_>>(),
        ["hello.elf", "vm0.dtb", "kernel.symbols"]
    );
    let entry = found.find("kernel.symbols").unwrap();
    assert_eq!(
        (entry.data, entry.crc),
        (&[7; 5000][..], checksum::of(&[7; 5000]))
    );
    assert!(found.find("hello").is_none());
}

#[test]
fn a_bad_pack_is_refused_by_what_is_wrong() {
    let good = pack(&[("a", b"12345")]);
    let change = |at: usize, to: &[u8], fix: bool| {
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        if fix {
            let crc = checksum::of(&bytes[32..96]);
            bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        }
        Pack::parse(Vec::leak(bytes)).map(|_| ())
    };
    assert_eq!(Pack::parse(b"CAES").map(|_| ()), Err(PackError::NoMagic));
    assert_eq!(
        Pack::parse(b"CAESPACK").map(|_| ()),
        Err(PackError::NoMagic)
    );
    assert_eq!(change(0, b"X", false), Err(PackError::NoMagic));
    assert_eq!(change(8, &[2], false), Err(PackError::Version(2)));
    assert!(matches!(
        change(16, &[0xff; 8], false),
        Err(PackError::Size { size: u64::MAX, .. })
    ));
    assert!(matches!(
        change(12, &[0xff; 4], false),
        Err(PackError::Size { .. })
    ));
    assert!(matches!(
        change(33, b"x", false),
        Err(PackError::TableDamaged { .. })
    ));
    assert_eq!(change(32, &[0], true), Err(PackError::Name(0)));
    assert_eq!(change(32, &[0xff], true), Err(PackError::Name(0)));
    assert_eq!(change(34, b"x", true), Err(PackError::Name(0)));
    assert_eq!(change(80, &[1], true), Err(PackError::Entry(0)));
    assert_eq!(change(88, &[6], true), Err(PackError::Entry(0)));
    assert!(PackError::NoMagic.to_string().contains("load caesura.img"));
}

#[test]
fn formats_are_told_by_their_first_bytes() {
    assert!(
        matches!(recognise(&image(100, 0, 4096)), Format::Image(h) if h.image_size == 4096 && h.flags == 0xa)
    );
    assert!(matches!(recognise(&image(100, 0, 0)), Format::Image(h) if h.text_offset == 0x8_0000));
    assert_eq!(recognise(&gzip(b"x", false)), Format::Gzip);
    assert_eq!(recognise(&elf(0, &[])), Format::Elf);
    assert_eq!(recognise(b"MZ\0\0zimg...."), Format::EfiZboot);
    assert_eq!(recognise(b"\x01\x02\x03\x04"), Format::Flat);
    assert_eq!(recognise(b""), Format::Flat);
}

#[test]
fn an_image_goes_where_its_header_allows_and_claims_its_bss() {
    let mut ram = Ram::new(4 * MIB);
    let file = image(300_000, 0x1000, 2 * MIB as u64);
    let placed = File {
        ipa: BASE + 0x1000,
        limit: 3 * MIB as u64,
        ..kernel(&file, &ram)
    };
    let start = placed.ipa;
    let loaded = load(placed, &mut ram, 4096).unwrap();
    assert_eq!(
        loaded,
        Loaded {
            entry: start,
            start,
            end: start + 2 * MIB as u64
        }
    );
    assert_eq!(ram.at(start, file.len()), file);
    assert_eq!(ram.at(start + file.len() as u64, 1), [0xee]);
    let wrong = load(
        File {
            ipa: BASE + 0x3000,
            ..placed
        },
        &mut ram,
        4096,
    );
    assert_eq!(
        wrong,
        Err(LoadError::Misplaced {
            ipa: BASE + 0x3000,
            right: BASE + 0x1000
        })
    );
    let tight = load(
        File {
            limit: MIB as u64,
            ..placed
        },
        &mut ram,
        4096,
    );
    assert_eq!(
        tight,
        Err(LoadError::TooLarge {
            size: 2 * MIB as u64,
            limit: MIB as u64
        })
    );
}

#[test]
fn a_compressed_image_is_the_same_image() {
    for decorated in [false, true] {
        for budget in [1000, 65_536, usize::MAX / 8] {
            let mut ram = Ram::new(2 * MIB);
            let plain = image(700_000, 0, MIB as u64);
            let loaded = load(kernel(&gzip(&plain, decorated), &ram), &mut ram, budget).unwrap();
            assert_eq!(
                loaded,
                Loaded {
                    entry: BASE,
                    start: BASE,
                    end: BASE + MIB as u64
                }
            );
            assert_eq!(ram.at(BASE, plain.len()), plain);
            assert_eq!(ram.at(BASE + plain.len() as u64, 1), [0xee]);
        }
    }
}

#[test]
fn a_bad_gzip_file_is_refused_by_what_is_wrong() {
    let mut ram = Ram::new(MIB);
    let plain = vec![0x11; 100_000];
    let good = gzip(&plain, false);
    let mut try_it = |file: &[u8]| {
        load(kernel(file, &ram_of()), &mut ram, 4096)
            .unwrap_err()
            .to_string()
    };
    let end = good.len();
    let with = |at: usize, to: u8| {
        let mut file = good.clone();
        file[at] ^= to;
        file
    };
    assert!(try_it(&good[..9]).contains("header is cut off"));
    assert!(try_it(&good[..12]).contains("trailer is cut off"));
    assert!(try_it(&with(2, 1)).contains("not deflate"));
    assert!(try_it(&with(end - 8, 1)).contains("CRC of its content"));
    assert!(try_it(&with(end - 4, 1)).contains("trailer says"));
    assert!(try_it(&with(end - 2, 0x80)).contains("give the VM more memory"));
    assert!(
        try_it(&[&good[..end - 8], b"more", &good[end - 8..]].concat())
            .contains("follows its first member")
    );
    assert!(try_it(&[&good[..20], &good[end - 8..]].concat()).contains("damaged or cut off"));
    assert!(try_it(&gzip(&elf(0, &[]), false)).contains("give ELF files uncompressed"));
}

fn ram_of() -> Ram {
    Ram::new(MIB)
}

#[test]
fn an_elf_goes_to_its_physical_addresses_and_its_bss_is_zeroed() {
    let mut ram = Ram::new(MIB);
    let code = vec![0x55; 10_000];
    let parts = [
        Part {
            vaddr: 0xffff_0000_0000_0000,
            paddr: BASE + 0x1000,
            data: &code,
            memsz: 10_000,
        },
        Part {
            vaddr: 0xffff_0000_0000_8000,
            paddr: BASE + 0x8000,
            data: b"data",
            memsz: 20_000,
        },
        Part {
            vaddr: 0,
            paddr: 0,
            data: b"",
            memsz: 0,
        },
    ];
    let file = elf(0xffff_0000_0000_0040, &parts);
    let loaded = load(
        File {
            ipa: 0,
            ..kernel(&file, &ram)
        },
        &mut ram,
        777,
    )
    .unwrap();
    assert_eq!(
        loaded,
        Loaded {
            entry: BASE + 0x1040,
            start: BASE + 0x1000,
            end: BASE + 0x8000 + 20_000
        }
    );
    assert_eq!(ram.at(BASE + 0x1000, 10_000), code);
    assert_eq!(ram.at(BASE + 0x8000, 4), b"data");
    assert!(ram.at(BASE + 0x8004, 19_996).iter().all(|b| *b == 0));
    assert_eq!(ram.at(BASE + 0x8000 + 20_000, 1), [0xee]);
    assert_eq!(ram.written, 30_000);
    let tight = load(
        File {
            limit: 29_999,
            ..kernel(&file, &ram)
        },
        &mut ram,
        777,
    );
    assert_eq!(
        tight,
        Err(LoadError::TooLarge {
            size: 30_000,
            limit: 29_999
        })
    );
}

#[test]
fn a_bad_elf_is_refused_by_what_is_wrong() {
    let part = || Part {
        vaddr: BASE,
        paddr: BASE,
        data: b"code",
        memsz: 4,
    };
    let mut ram = Ram::new(MIB);
    let mut try_it = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = elf(BASE, &[part()]);
        change(&mut file);
        load(kernel(&file, &ram_of()), &mut ram, 4096)
            .unwrap_err()
            .to_string()
    };
    assert!(try_it(&|f| f[4] = 1).contains("not 64-bit"));
    assert!(try_it(&|f| f[18] = 62).contains("not AArch64"));
    assert!(try_it(&|f| f[16] = 1).contains("not executable"));
    assert!(try_it(&|f| f[24] = 0x80).contains("entry point"));
    assert!(try_it(&|f| f[54] = 32).contains("56 bytes"));
    assert!(try_it(&|f| f[56] = 0).contains("no program headers"));
    assert!(try_it(&|f| f[57] = 1).contains("more than 64"));
    assert!(try_it(&|f| f[32] = 0xff).contains("outside the file"));
    assert!(try_it(&|f| f[64] = 2).contains("no segments"));
    assert!(try_it(&|f| f[64 + 32] = 5).contains("more bytes in the file"));
    assert!(try_it(&|f| f.truncate(122)).contains("cut off"));
    assert!(try_it(&|f| f[64 + 24..64 + 32].fill(0xff)).contains("wraps around"));
    assert!(try_it(&|f| f[64 + 43] = 0xff).contains("give the VM more memory"));
    assert!(try_it(&|f| f[64 + 29] = 1).contains("the VM has no memory"));
    assert!(try_it(&|f| f.truncate(30)).contains("cut off"));
}

#[test]
fn other_files_are_copied_as_they_are() {
    let mut ram = Ram::new(MIB);
    let flat: Vec<u8> = (0..50_000u32).map(|n| n as u8).collect();
    let loaded = load(
        File {
            ipa: BASE + 64,
            ..kernel(&flat, &ram)
        },
        &mut ram,
        999,
    )
    .unwrap();
    assert_eq!(
        loaded,
        Loaded {
            entry: BASE + 64,
            start: BASE + 64,
            end: BASE + 64 + 50_000
        }
    );
    assert_eq!(ram.at(BASE + 64, flat.len()), flat);
    // An initial RAM disk is usually compressed, and stays so.
    let initrd = gzip(b"cpio", false);
    load(
        File {
            kind: Kind::Verbatim,
            ..kernel(&initrd, &ram)
        },
        &mut ram,
        999,
    )
    .unwrap();
    assert_eq!(ram.at(BASE, initrd.len()), initrd);
}

#[test]
fn a_damaged_or_misplaced_file_writes_nothing() {
    let mut ram = Ram::new(MIB);
    let good = kernel(&[1; 5000], &ram);
    let damaged = load(
        File {
            crc: good.crc.map(|crc| crc ^ 1),
            ..good
        },
        &mut ram,
        999,
    );
    assert!(matches!(damaged, Err(LoadError::Damaged { .. })));
    assert_eq!(
        load(
            File {
                data: b"",
                crc: None,
                ..good
            },
            &mut ram,
            999
        ),
        Err(LoadError::Empty)
    );
    let limit = load(
        File {
            limit: 4999,
            ..good
        },
        &mut ram,
        999,
    );
    assert_eq!(
        limit,
        Err(LoadError::TooLarge {
            size: 5000,
            limit: 4999
        })
    );
    let outside = load(
        File {
            ipa: BASE - 1,
            ..good
        },
        &mut ram,
        999,
    );
    assert!(matches!(outside, Err(LoadError::NoMemory { .. })));
    assert!(matches!(
        load(
            File {
                ipa: u64::MAX,
                ..good
            },
            &mut ram,
            999
        ),
        Err(LoadError::NoMemory { .. })
    ));
    let zboot = load(
        File {
            data: b"MZ\0\0zimg",
            crc: None,
            ..good
        },
        &mut ram,
        999,
    );
    assert_eq!(zboot, Err(LoadError::EfiZboot));
    assert!(ram.bytes.iter().all(|b| *b == 0xee));
}
