//! The connection to QEMU: which instructions are EL2's, which core executes them, and the file at the end.
//!
//! Source: QEMU's `include/qemu/qemu-plugin.h`, API version 4 (QEMU 9.2 and 10). Everything is called by QEMU in one thread,
//! since the run is started with `-accel tcg,thread=single` or `-icount`. There QEMU says the wrong core to a callback (what
//! it has translated once for one core it uses for all), so the core is read where the hypervisor keeps it: its index is in the
//! `Anchor` to which TPIDR_EL2 points (`kernel/arch/src/cpu.rs`).
//!
//! Arguments: `vectors=`, `from=`, `to=` (the image's text), `index=` (the offset in the `Anchor`), all hexadecimal, and `out=`.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Mutex;

use crate::watch::{CORES, Kind, Watch};

/// `qemu_plugin_id_t`.
type Id = u64;

/// An opaque thing of QEMU's.
#[repr(C)]
struct Opaque([u8; 0]);

/// GLib's `GByteArray` and `GArray`.
#[repr(C)]
struct Array {
    data: *mut u8,
    len: c_uint,
}

/// `qemu_plugin_reg_descriptor`.
#[repr(C)]
struct Register {
    handle: *mut Opaque,
    name: *const c_char,
    feature: *const c_char,
}

/// `QEMU_PLUGIN_CB_NO_REGS`, `QEMU_PLUGIN_CB_R_REGS`.
const NO_REGISTERS: c_int = 0;
const READS_REGISTERS: c_int = 1;

type OnVcpu = extern "C" fn(Id, c_uint);
type OnTranslation = extern "C" fn(Id, *mut Opaque);
type OnExecution = extern "C" fn(c_uint, *mut c_void);
type AtExit = extern "C" fn(Id, *mut c_void);

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_init_cb(id: Id, call: OnVcpu);
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, call: OnTranslation);
    fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Opaque,
        call: OnExecution,
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Opaque,
        call: OnExecution,
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_atexit_cb(id: Id, call: AtExit, data: *mut c_void);
    fn qemu_plugin_tb_n_insns(block: *const Opaque) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Opaque, n: usize) -> *mut Opaque;
    fn qemu_plugin_insn_vaddr(instruction: *const Opaque) -> u64;
    fn qemu_plugin_insn_haddr(instruction: *const Opaque) -> *mut c_void;
    fn qemu_plugin_insn_data(instruction: *const Opaque, to: *mut c_void, length: usize) -> usize;
    fn qemu_plugin_get_registers() -> *mut Array;
    fn qemu_plugin_read_register(register: *mut Opaque, to: *mut Array) -> c_int;
    fn qemu_plugin_read_memory_vaddr(address: u64, to: *mut Array, length: usize) -> bool;
    fn qemu_plugin_outs(text: *const c_char);
    fn g_byte_array_new() -> *mut Array;
    fn g_byte_array_set_size(array: *mut Array, length: c_uint) -> *mut Array;
}

/// The version of the interface that this is written for.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "QEMU looks it up by this name")]
pub static qemu_plugin_version: c_int = 4;

/// Everything between two callbacks.
#[derive(Default)]
struct State {
    watch: Watch,
    vectors: u64,
    from: u64,
    to: u64,
    index: u64,
    out: String,
    /// What QEMU's address of a byte of the image is above the machine's.
    above: Option<u64>,
    /// The core whose block is executed.
    core: usize,
    /// QEMU's handles of TPIDR_EL2 and x0 to x30, and a buffer; addresses.
    tpidr: usize,
    general: [usize; 31],
    buffer: usize,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

fn with_state(work: impl FnOnce(&mut State)) {
    // Only a panic poisons it, and that has ended QEMU.
    if let Ok(mut state) = STATE.lock()
        && let Some(state) = state.as_mut()
    {
        work(state);
    }
}

impl State {
    /// The first eight bytes that `fill` puts into the buffer.
    fn word(&self, fill: impl FnOnce(*mut Array) -> bool) -> Option<u64> {
        let buffer = self.buffer as *mut Array;
        // SAFETY: made by `g_byte_array_new` and never freed; QEMU is in one thread.
        unsafe { g_byte_array_set_size(buffer, 0) };
        if !fill(buffer) {
            return None;
        }
        // SAFETY: as above; GLib keeps `len` bytes at `data`.
        let bytes = unsafe { std::slice::from_raw_parts((*buffer).data, (*buffer).len as usize) };
        Some(u64::from_le_bytes(*bytes.first_chunk()?))
    }

    fn register(&self, handle: usize) -> Option<u64> {
        // SAFETY: a handle that QEMU gave; the callback was registered as one that reads registers.
        self.word(|to| unsafe { qemu_plugin_read_register(handle as *mut Opaque, to) > 0 })
    }

    fn memory(&self, address: u64) -> Option<u64> {
        // SAFETY: QEMU says whether there is memory.
        self.word(|to| unsafe { qemu_plugin_read_memory_vaddr(address, to, 8) })
    }
}

/// A core exists: asks for its registers.
extern "C" fn on_vcpu(_: Id, _: c_uint) {
    with_state(|state| {
        // SAFETY: QEMU makes an array of descriptors, ours from now on; the names live as long as QEMU.
        let registers = unsafe {
            let array = qemu_plugin_get_registers();
            std::slice::from_raw_parts((*array).data.cast::<Register>(), (*array).len as usize)
        };
        for register in registers {
            // SAFETY: as above.
            let name = unsafe { CStr::from_ptr(register.name) }.to_str();
            let name = name.unwrap_or_default();
            if name == "TPIDR_EL2" {
                state.tpidr = register.handle as usize;
            }
            let number = name.strip_prefix('x').and_then(|n| n.parse::<usize>().ok());
            if let Some(slot) = number.and_then(|n| state.general.get_mut(n)) {
                *slot = register.handle as usize;
            }
        }
        if state.buffer == 0 {
            // SAFETY: needs nothing.
            state.buffer = unsafe { g_byte_array_new() } as usize;
        }
    });
}

/// A block is translated: its instructions are watched if they are the image's.
extern "C" fn on_translation(_: Id, block: *mut Opaque) {
    with_state(|state| {
        // SAFETY: QEMU's block, for the duration of this call.
        let count = unsafe { qemu_plugin_tb_n_insns(block) };
        for n in 0..count {
            // SAFETY: as above; there are so many.
            let (instruction, address, host) = unsafe {
                let instruction = qemu_plugin_tb_get_insn(block, n);
                let host = qemu_plugin_insn_haddr(instruction) as u64;
                (instruction, qemu_plugin_insn_vaddr(instruction), host)
            };
            if !(state.from..state.to).contains(&address) || host == 0 {
                return;
            }
            // The first at the image's addresses is its own. A guest that has other memory there is told by that.
            let above = *state.above.get_or_insert(host.wrapping_sub(address));
            if host.wrapping_sub(address) != above {
                return;
            }
            let mut opcode = [0; 4];
            // SAFETY: as above; it is four bytes long.
            unsafe { qemu_plugin_insn_data(instruction, opcode.as_mut_ptr().cast(), 4) };
            let kind = Kind::of(u32::from_le_bytes(opcode), address, state.vectors);
            let flags = match kind {
                Kind::Writes(_) => READS_REGISTERS,
                _ => NO_REGISTERS,
            };
            if n == 0 {
                // SAFETY: as above; the call takes no data.
                unsafe {
                    qemu_plugin_register_vcpu_tb_exec_cb(
                        block,
                        on_block,
                        READS_REGISTERS,
                        std::ptr::null_mut(),
                    );
                }
            }
            // SAFETY: as above; the data is a number.
            unsafe {
                qemu_plugin_register_vcpu_insn_exec_cb(
                    instruction,
                    on_instruction,
                    flags,
                    pack(address, kind) as *mut c_void,
                );
            }
        }
    });
}

/// A block of the image is executed: says on which core.
extern "C" fn on_block(_: c_uint, _: *mut c_void) {
    with_state(|state| {
        let anchor = state.register(state.tpidr).filter(|anchor| *anchor != 0);
        let index = anchor.and_then(|anchor| state.memory(anchor + state.index));
        state.core = index.map_or(CORES, |index| index as usize);
    });
}

extern "C" fn on_instruction(_: c_uint, data: *mut c_void) {
    with_state(|state| {
        let (address, mut kind) = unpack(data as u64);
        if let Kind::Writes(register) = kind {
            let handle = state.general.get(usize::from(register)).copied();
            let value = handle.and_then(|handle| state.register(handle));
            kind = Kind::of_write(value.unwrap_or(0));
        }
        state.watch.step(state.core, address, kind);
    });
}

extern "C" fn at_exit(_: Id, _: *mut c_void) {
    with_state(|state| {
        if let Err(why) = std::fs::write(&state.out, state.watch.report()) {
            say(&format!("masked: cannot write {}: {why}\n\0", state.out));
        }
    });
}

/// The address is of an image below 2^56.
fn pack(address: u64, kind: Kind) -> u64 {
    let kind = match kind {
        Kind::Plain => 0,
        Kind::Masks => 1,
        Kind::Unmasks => 2,
        Kind::Enters => 3,
        Kind::Returns => 4,
        Kind::Writes(register) => 0x80 | u64::from(register),
    };
    address | kind << 56
}

fn unpack(data: u64) -> (u64, Kind) {
    let kind = match data >> 56 {
        0 => Kind::Plain,
        1 => Kind::Masks,
        2 => Kind::Unmasks,
        3 => Kind::Enters,
        4 => Kind::Returns,
        register => Kind::Writes(register as u8 & 0x7f),
    };
    (data & ((1 << 56) - 1), kind)
}

/// `text` ends with a zero.
fn say(text: &str) {
    // SAFETY: the text is one of C's.
    unsafe { qemu_plugin_outs(text.as_ptr().cast()) };
}

/// QEMU loads the plugin. Not 0: it gives up.
///
/// # Safety
/// For QEMU only: `argv` has `argc` texts of C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let mut state = State::default();
    for n in 0..usize::try_from(argc).unwrap_or(0) {
        // SAFETY: QEMU promises so many.
        let argument = unsafe { CStr::from_ptr(*argv.add(n)) }.to_string_lossy();
        let Some((key, value)) = argument.split_once('=') else {
            continue;
        };
        let number = u64::from_str_radix(value.trim_start_matches("0x"), 16);
        let slot = match (key, number) {
            ("out", _) => {
                state.out = value.to_owned();
                continue;
            }
            ("vectors", Ok(number)) => (&mut state.vectors, number),
            ("from", Ok(number)) => (&mut state.from, number),
            ("to", Ok(number)) => (&mut state.to, number),
            ("index", Ok(number)) => (&mut state.index, number),
            _ => {
                say(&format!("masked: `{argument}` is not understood\n\0"));
                return 1;
            }
        };
        *slot.0 = slot.1;
    }
    if state.out.is_empty() || state.to <= state.from || state.vectors == 0 {
        say("masked: needs vectors=, from=, to=, index= and out=\n\0");
        return 1;
    }
    if let Ok(mut place) = STATE.lock() {
        *place = Some(state);
    }
    // SAFETY: the identity is the one that QEMU gave; the functions are as their types say.
    unsafe {
        qemu_plugin_register_vcpu_init_cb(id, on_vcpu);
        qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
        qemu_plugin_register_atexit_cb(id, at_exit, std::ptr::null_mut());
    }
    0
}
