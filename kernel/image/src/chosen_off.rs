//! No modules: LOADER_MODULES is off, so no VM's table asks for one and the boot loader's device tree is not read.

/// There are none.
pub fn find(_name: &str) -> Option<&'static [u8]> {
    None
}

/// Looks at nothing.
///
/// # Errors
///
/// None; the signature is that of the module in whose place this one stands.
pub fn init(_at: u64) -> Result<(), &'static str> {
    Ok(())
}
