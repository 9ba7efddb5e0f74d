//! The memory map and the VMs as text, for people.

use crate::model::Model;

impl Model {
    /// What `make` prints: the board, the memory map, and each VM.
    #[must_use]
    pub fn summary(&self) -> String {
        String::new()
    }
}
