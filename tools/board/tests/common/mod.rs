//! What the tests share: a configuration with everything switched on, and a folder with small stand-ins for
//! the guests' files, so that no test needs a download.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use board::{Inputs, Model, SymbolMap, Value, evaluate};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The numbers of the default configuration, every feature on, GICv3.
pub fn symbols() -> SymbolMap {
    let on = [
        "BACKTRACE_SYMBOLS",
        "BOARD_QEMU_VIRT",
        "DEBUG_BURN",
        "GICV3",
        "HYPERCALLS",
        "LOADER_ELF",
        "LOADER_GZIP",
        "LOADER_MODULES",
        "LOG_INFO",
        "PREEMPT_LEGACY",
        "PV_TIME",
        "SCHED_CREDIT",
        "SCHED_CYCLIC",
        "SCHED_DEFAULT_WRR",
        "SCHED_EDF",
        "SCHED_FIXED",
        "SCHED_NULL",
        "SCHED_WRR",
        "UART_PL011",
        "VDEV_PL011",
        "VDEV_PL031",
        "WATCHDOG",
    ];
    let off = ["GICV2", "LOG_DEBUG", "PREEMPT_FULL", "PREEMPT_HYBRID"];
    let mut symbols = SymbolMap::new()
        .with("BOARD", Value::String("qemu-virt".into()))
        .with("CHECKPOINT_INTERVAL", Value::Int(16))
        .with("CONSOLE_PREFIX", Value::Int(1))
        .with("KERNEL_SIZE_MAX", Value::Hex(0x20_0000))
        .with("NR_CPUS", Value::Int(4))
        .with("POOL_SIZE", Value::Hex(0x10_0000))
        .with("SCHED_SLICE_US", Value::Int(10_000))
        .with("CONTINUATION_SLOTS", Value::Int(4))
        .with("HYBRID_BOUND_US", Value::Int(100))
        .with("STACK_SIZE", Value::Hex(0x4000))
        .with("TASK_SLICE_US", Value::Int(10))
        .with("THREAD_STACK_SIZE", Value::Hex(0x4000));
    for name in on {
        symbols = symbols.with(name, Value::Bool(true));
    }
    for name in off {
        symbols = symbols.with(name, Value::Bool(false));
    }
    symbols
}

/// The same for GICv2.
pub fn symbols_gicv2() -> SymbolMap {
    symbols()
        .with("GICV2", Value::Bool(true))
        .with("GICV3", Value::Bool(false))
}

/// A folder of its own, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("caesura-board-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An arm64 `Image` that needs `image_size` bytes of memory.
pub fn linux_image(image_size: u64) -> Vec<u8> {
    let mut image = vec![0; 0x1_0000];
    image[16..24].copy_from_slice(&image_size.to_le_bytes());
    image[24] = 0b1010;
    image[56..60].copy_from_slice(b"ARM\x64");
    image
}

/// The same, compressed.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    file.extend(miniz_oxide::deflate::compress_to_vec(content, 6));
    // Nothing on the host looks at the checksum.
    file.extend(0u32.to_le_bytes());
    file.extend((content.len() as u32).to_le_bytes());
    file
}

/// A 64-bit ELF with one segment of `size` bytes, all of it at `base`, for `machine` (0xb7 is AArch64).
pub fn elf(machine: u16, base: u64, size: u64) -> Vec<u8> {
    let mut file = vec![0; 64 + 56 + 16];
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    file[16..18].copy_from_slice(&2u16.to_le_bytes());
    file[18..20].copy_from_slice(&machine.to_le_bytes());
    file[20..24].copy_from_slice(&1u32.to_le_bytes());
    file[24..32].copy_from_slice(&base.to_le_bytes());
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[52..54].copy_from_slice(&64u16.to_le_bytes());
    file[54..56].copy_from_slice(&56u16.to_le_bytes());
    file[56..58].copy_from_slice(&1u16.to_le_bytes());
    file[64..68].copy_from_slice(&1u32.to_le_bytes());
    for (at, value) in [(8, 120), (16, base), (24, base), (32, 16), (40, size)] {
        file[64 + at..64 + at + 8].copy_from_slice(&value.to_le_bytes());
    }
    file
}

/// A folder with stand-ins for everything that the shipped systems name.
pub fn guests() -> Folder {
    let folder = Folder::new();
    let image = linux_image(0x1c0_0000);
    folder.put("guests/linux/Image.gz", gzip(&image));
    folder.put("guests/linux/Image", image);
    folder.put("guests/linux/initrd-shell.cpio.gz", vec![1; 987_548]);
    folder.put("guests/linux/initrd-check.cpio.gz", vec![2; 989_260]);
    folder.put("guests/linux/initrd-calls.cpio.gz", vec![2; 989_260]);
    folder.put("guests/u-boot/u-boot.bin", vec![3; 971_304]);
    for program in programs() {
        folder.put(
            &format!("built/{program}"),
            elf(0xb7, 0x4010_0000, 0x3_0000),
        );
    }
    folder
}

/// The file names of the programs of tests/guests that the shipped systems ask for.
fn programs() -> BTreeSet<String> {
    let systems = fs::read_dir(root().join("configs/systems")).unwrap();
    systems
        .flat_map(|entry| board::built_images(&entry.unwrap().path()).unwrap())
        .collect()
}

/// Evaluates a system from text, with a board from text or the shipped one.
pub fn try_system(board: Option<&str>, system: &str, symbols: &SymbolMap) -> Result<Model, String> {
    let folder = guests();
    let board = match board {
        Some(text) => folder.put("boards/test/board.toml", text),
        None => root().join("boards/qemu-virt/board.toml"),
    };
    evaluate(&Inputs {
        board: &board,
        system: &folder.put("systems/test.toml", system),
        symbols,
        guests: Some(&folder.path().join("guests")),
        built: Some(&folder.path().join("built")),
        linker_template: &root().join("kernel/arch/link.ld.j2"),
    })
    .map_err(|errors| strip(&errors.to_string(), folder.path()))
}

/// Takes the test's own folder out of a text.
pub fn strip(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
        .replace(&format!("{}/", root().display()), "")
}

/// The text of the errors, which there must be.
pub fn errors(board: Option<&str>, system: &str, symbols: &SymbolMap) -> String {
    match try_system(board, system, symbols) {
        Ok(_) => panic!("no mistake was found"),
        Err(errors) => errors,
    }
}

/// Evaluates a shipped system with stand-ins for its files.
pub fn shipped(name: &str, symbols: &SymbolMap) -> (Model, Folder) {
    let folder = guests();
    let model = evaluate(&Inputs {
        board: &root().join("boards/qemu-virt/board.toml"),
        system: &root().join(format!("configs/systems/{name}.toml")),
        symbols,
        guests: Some(&folder.path().join("guests")),
        built: Some(&folder.path().join("built")),
        linker_template: &root().join("kernel/arch/link.ld.j2"),
    })
    .unwrap_or_else(|errors| panic!("{name}: {errors}"));
    (model, folder)
}

/// A system with one VM whose lines the test gives.
pub fn vm(lines: &str) -> String {
    format!("[[vm]]\nname = \"guest\"\n{lines}\n")
}

/// A good VM's lines, except for what the test replaces.
pub fn vm_but(key: &str, line: &str) -> String {
    let lines = [
        ("vcpus", "vcpus = 2"),
        ("memory", "memory = \"256M\""),
        ("image", "image = \"@guests/linux/Image\""),
    ];
    let mut text: Vec<&str> = lines
        .iter()
        .filter(|(own, _)| *own != key)
        .map(|(_, line)| *line)
        .collect();
    text.push(line);
    vm(&text.join("\n"))
}

/// The same configuration with another preemption model.
pub fn model(name: &str) -> SymbolMap {
    let mut symbols = symbols();
    for own in ["PREEMPT_LEGACY", "PREEMPT_FULL", "PREEMPT_HYBRID"] {
        symbols = symbols.with(own, Value::Bool(own == name));
    }
    symbols
}

/// The same configuration without a feature.
pub fn off(name: &str) -> SymbolMap {
    symbols().with(name, Value::Bool(false))
}

/// Compares with the committed file; `UPDATE_GOLDEN=1` writes it instead.
pub fn golden(name: &str, text: &str) {
    let path = root().join(format!("tools/board/tests/golden/{name}.rs"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert_eq!(
        committed,
        text,
        "{} differs; UPDATE_GOLDEN=1 accepts the change",
        path.display()
    );
}

/// Tests of one snapshot each, named like it.
#[allow(unused_macros, reason = "each test file uses its own part")]
macro_rules! mistakes {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $text);
        }
    )*};
}
