//! The state of one VM's interrupt controller.

use crate::config::{Config, ConfigError};

/// A VM's interrupt controller with room for 32 × `WORDS` shared interrupts (at most 31 words).
///
/// A fresh one is all zero bytes, so that it can live in .bss; it has no vCPUs until
/// [`configure`](Self::configure).
pub struct Vgic<const WORDS: usize> {
    config: Option<Config>,
}

impl<const WORDS: usize> Vgic<WORDS> {
    /// An interrupt controller of nobody: every window reads as zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { config: None }
    }

    /// Makes it what `config` says and resets it.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn configure(&mut self, config: &Config) -> Result<(), ConfigError> {
        self.config = Some(*config);
        Ok(())
    }
}

impl<const WORDS: usize> Default for Vgic<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}
