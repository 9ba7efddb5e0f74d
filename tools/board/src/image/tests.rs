//! Tests of image inspection, on headers made here.

use super::*;

/// An arm64 image header followed by `extra` zero bytes.
pub(crate) fn arm64(text_offset: u64, image_size: u64, flags: u64, extra: usize) -> Vec<u8> {
    let mut image = vec![0; ARM64_HEADER + extra];
    image[8..16].copy_from_slice(&text_offset.to_le_bytes());
    image[16..24].copy_from_slice(&image_size.to_le_bytes());
    image[24..32].copy_from_slice(&flags.to_le_bytes());
    image[56..60].copy_from_slice(ARM64_MAGIC);
    image
}

/// gzip around one stored or deflated member.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    file.extend(b"Image\0");
    file.extend(miniz_oxide::deflate::compress_to_vec(content, 6));
    file.extend(crate::pack::crc32(content).to_le_bytes());
    file.extend((content.len() as u32).to_le_bytes());
    file
}

#[test]
fn a_linux_image_takes_the_size_its_header_says() {
    let image = inspect(&arm64(0, 0x20_0000, 10, 100), FormatSpec::Auto).unwrap();
    assert_eq!(image.format, Format::Linux);
    assert_eq!(
        image.needs,
        Needs::Linux {
            text_offset: 0,
            size: 0x20_0000
        }
    );
}

#[test]
fn an_old_linux_image_without_a_size_is_placed_as_the_boot_protocol_says() {
    let image = inspect(&arm64(0, 0, 0, 1000), FormatSpec::Linux).unwrap();
    assert_eq!(
        image.needs,
        Needs::Linux {
            text_offset: 0x8_0000,
            size: 1064
        }
    );
}

#[test]
fn a_compressed_linux_image_is_recognised_by_its_content() {
    let image = inspect(&gzip(&arm64(0, 0x30_0000, 10, 50_000)), FormatSpec::Auto).unwrap();
    assert_eq!(image.format, Format::LinuxGzip);
    assert_eq!(
        image.needs,
        Needs::Linux {
            text_offset: 0,
            size: 0x30_0000
        }
    );
    let other = inspect(
        &gzip(b"a text that is long enough to be compressed"),
        FormatSpec::Auto,
    );
    assert!(
        other
            .unwrap_err()
            .what
            .contains("what is inside begins with")
    );
}

#[test]
fn a_damaged_compressed_image_is_refused() {
    let good = gzip(&arm64(0, 0x30_0000, 10, 50_000));
    assert!(inspect(&good[..12], FormatSpec::Auto).is_err());
    let mut damaged = good;
    damaged[16] = 0xff;
    assert!(
        inspect(&damaged, FormatSpec::Auto)
            .unwrap_err()
            .what
            .contains("cannot be unpacked")
    );
}

#[test]
fn no_truncation_of_any_image_panics() {
    let images = [
        gzip(&arm64(0, 0, 0, 500)),
        arm64(0, 0, 0, 10),
        elf_file(elf::EM_AARCH64),
    ];
    for image in images {
        for length in 0..image.len() {
            for format in [
                FormatSpec::Auto,
                FormatSpec::Linux,
                FormatSpec::Elf,
                FormatSpec::Flat,
            ] {
                let _ = inspect(&image[..length], format);
            }
        }
    }
}

/// A 64-bit little-endian ELF with one segment of 16 bytes in the file and 32 in memory.
pub(crate) fn elf_file(machine: elf::Machine) -> Vec<u8> {
    let mut file = vec![0; 64 + 56 + 16];
    file[..4].copy_from_slice(ELF);
    file[4..7].copy_from_slice(&[2, 1, 1]);
    file[16..18].copy_from_slice(&2u16.to_le_bytes());
    file[18..20].copy_from_slice(&machine.0.to_le_bytes());
    file[20..24].copy_from_slice(&1u32.to_le_bytes());
    file[24..32].copy_from_slice(&0x4008_0000u64.to_le_bytes());
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[52..54].copy_from_slice(&64u16.to_le_bytes());
    file[54..56].copy_from_slice(&56u16.to_le_bytes());
    file[56..58].copy_from_slice(&1u16.to_le_bytes());
    let segment = &mut file[64..120];
    segment[..4].copy_from_slice(&1u32.to_le_bytes());
    for (at, value) in [
        (8, 120u64),
        (16, 0x4008_0000),
        (24, 0x4008_0000),
        (32, 16),
        (40, 32),
    ] {
        segment[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    file
}

#[test]
fn an_elf_takes_its_segments_memory() {
    let image = inspect(&elf_file(elf::EM_AARCH64), FormatSpec::Auto).unwrap();
    assert_eq!(image.format, Format::Elf);
    let segments = vec![Region {
        base: 0x4008_0000,
        size: 32,
    }];
    assert_eq!(
        image.needs,
        Needs::Elf {
            segments,
            entry: 0x4008_0000
        }
    );
}

#[test]
fn an_elf_for_another_machine_is_refused_by_name() {
    let error = inspect(&elf_file(elf::EM_X86_64), FormatSpec::Auto).unwrap_err();
    assert!(
        error.what.contains("for x86-64, not for AArch64"),
        "{}",
        error.what
    );
}

#[test]
fn anything_is_flat_if_asked_for_but_nothing_by_itself() {
    assert_eq!(
        inspect(b"\x01\x02\x03", FormatSpec::Flat).unwrap().needs,
        Needs::Flat { size: 3 }
    );
    assert!(inspect(b"\x01\x02\x03", FormatSpec::Auto).is_err());
    assert!(inspect(b"", FormatSpec::Flat).is_err());
}

#[test]
fn a_big_endian_kernel_is_refused() {
    let error = inspect(&arm64(0, 0x20_0000, 1, 100), FormatSpec::Auto).unwrap_err();
    assert_eq!(error.what, "it is a big-endian kernel");
}
