//! Aborts: what has no memory behind it gives an external abort, at EL1, with the right address.

use crate::rt::Machine;
use crate::rt::exception::catch;
use crate::rt::mmio::{read8, read32, read64, write8, write32, write64};
use crate::rt::report::{check, equal};

/// Nothing is here, in a VM or on QEMU's `virt`.
const NOTHING: u64 = 0x0b00_0000;
/// ESR.ISS.DFSC: synchronous external abort.
const EXTERNAL: u64 = 0x10;
/// ESR.ISS.WnR.
const WRITE: u64 = 1 << 6;

/// Its name, its address, and the access.
type Try = (&'static str, u64, fn(u64));

/// Runs the checks.
pub fn run(machine: &'static Machine) {
    let reads: [Try; 4] = [
        ("read 8", NOTHING + 3, |a| {
            let _ = read8(a);
        }),
        ("read 32", NOTHING, |a| {
            let _ = read32(a);
        }),
        ("read 64", NOTHING + 0xff8, |a| {
            let _ = read64(a);
        }),
        ("read 32 elsewhere", 0x0bff_fffc, |a| {
            let _ = read32(a);
        }),
    ];
    let writes: [Try; 3] = [
        ("write 8", NOTHING + 1, |a| write8(a, 1)),
        ("write 32", NOTHING + 0x1004, |a| write32(a, 1)),
        ("write 64", NOTHING + 8, |a| write64(a, 1)),
    ];
    for (write, list) in [(0, &reads[..]), (WRITE, &writes[..])] {
        for (name, address, access) in list {
            data_abort(name, *address, write, EXTERNAL, *access);
        }
    }
    // Beyond RAM, but normal memory for stage 1.
    let beyond = machine.memory.0 + machine.memory.1 + 0x20_0000;
    if beyond < 0xff00_0000 {
        data_abort("read behind RAM", beyond, 0, EXTERNAL, |a| {
            let _ = read64(a);
        });
        data_abort("write behind RAM", beyond, WRITE, EXTERNAL, |a| {
            write64(a, 0)
        });
        let fault = catch(|| {
            // SAFETY: nothing is there: the fetch faults, and `catch` returns behind the call.
            let nowhere: extern "C" fn() = unsafe { core::mem::transmute(beyond) };
            nowhere();
        });
        let Some(fault) = fault else {
            return check("fetch behind RAM faults", false, 0);
        };
        equal("fetch: class", fault.class(), 0x21);
        equal("fetch: status", fault.esr & 0x3f, EXTERNAL);
        equal("fetch: FAR", fault.far, beyond);
        equal("fetch: ELR", fault.elr, beyond);
    }
    // Stage 1's own fault stays the guest's: 4 GiB is not in the table.
    data_abort("stage 1 translation", 0x1_0000_0000, 0, 0x05, |a| {
        let _ = read64(a);
    });
    if machine.rom != 0 {
        let before = read32(machine.rom);
        data_abort("write to ROM", machine.rom, WRITE, EXTERNAL, |a| {
            write32(a, !0x1234)
        });
        equal(
            "ROM keeps its content",
            u64::from(read32(machine.rom)),
            u64::from(before),
        );
    }
}

fn data_abort(name: &str, address: u64, write: u64, status: u64, access: impl FnOnce(u64)) {
    let Some(fault) = catch(|| access(address)) else {
        return check(name, false, 0);
    };
    check(name, fault.class() == 0x25, fault.esr);
    equal(name, fault.esr & (WRITE | 0x3f), write | status);
    equal(name, fault.far, address);
}
