//! The state of 32 interrupts: one bit each, in one word per property.
//!
//! For: making a register of the distributor one word of memory. A bank is the private interrupts of a
//! vCPU (INTID 0 to 31) or one word's worth of shared ones. Plain data with a few derived words; what the
//! bits mean together is decided in `flow` and `dist`.
