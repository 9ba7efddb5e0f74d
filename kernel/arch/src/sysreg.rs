//! Access to system registers that `aarch64-cpu` does not name, by assembler name or by encoding
//! (`S<op0>_<op1>_C<CRn>_C<CRm>_<op2>`).
//!
//! The `asm!` is volatile and not ordered with memory accesses; callers that need order say so with a
//! barrier of `cpu`.

/// Reads a system register. The register must exist on this core, or the read is undefined and faults.
macro_rules! read {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading a system register through `mrs` touches no memory and no flags; each use names a
        // register whose read has no side effect that Rust code could observe, or says so.
        unsafe {
            core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nomem, nostack, preserves_flags));
        }
        value
    }};
}

/// Writes a system register. Expands to an unsafe operation: the caller states why the value is right.
macro_rules! write {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        core::arch::asm!(concat!("msr ", $name, ", {}"), in(reg) value, options(nostack, preserves_flags))
    }};
}

pub(crate) use {read, write};
