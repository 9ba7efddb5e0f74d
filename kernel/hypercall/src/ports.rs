//! Doorbells of one VM: which other VM may raise which of its interrupts.

use abi::ops::limits::PORTS;

use crate::{Error, VmId};

/// The ports of one VM. A port is bound to the VM that may send to it, whoever knows its number: rebinding one to another
/// VM leaves nothing of the first binding.
#[derive(Debug)]
pub struct Ports {
    bound: [Option<(VmId, u32)>; PORTS],
}

impl Default for Ports {
    fn default() -> Self {
        Self::new()
    }
}

impl Ports {
    /// None bound.
    #[must_use]
    pub const fn new() -> Self {
        Ports {
            bound: [None; PORTS],
        }
    }

    /// Binds a port: `peer` may raise `intid`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when there is no such port, [`Error::Busy`] when it is bound.
    pub fn bind(&mut self, port: u64, peer: VmId, intid: u32) -> Result<(), Error> {
        let slot = self.slot(port).ok_or(Error::Invalid)?;
        if slot.is_some() {
            return Err(Error::Busy);
        }
        *slot = Some((peer, intid));
        Ok(())
    }

    /// The interrupt that `peer` raises by sending to a port.
    ///
    /// # Errors
    ///
    /// [`Error::NoPort`] when it is not bound to it.
    pub fn target(&mut self, port: u64, peer: VmId) -> Result<u32, Error> {
        match self.slot(port) {
            Some(Some((bound, intid))) if *bound == peer => Ok(*intid),
            _ => Err(Error::NoPort),
        }
    }

    /// Unbinds a port.
    ///
    /// # Errors
    ///
    /// [`Error::NoPort`] when it was not bound.
    pub fn unbind(&mut self, port: u64) -> Result<(), Error> {
        let slot = self.slot(port).ok_or(Error::NoPort)?;
        slot.take().map(|_| ()).ok_or(Error::NoPort)
    }

    /// Unbinds a port that is bound to `peer`, if it is.
    pub fn forget(&mut self, port: u64, peer: VmId) {
        if let Some(slot) = self.slot(port)
            && slot.is_some_and(|(bound, _)| bound == peer)
        {
            *slot = None;
        }
    }

    fn slot(&mut self, port: u64) -> Option<&mut Option<(VmId, u32)>> {
        self.bound.get_mut(usize::try_from(port).ok()?)
    }
}
