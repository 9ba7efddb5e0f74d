//! What this image was configured to be: the tables and constants that `tools/board` generated.
//!
//! `BOARD`, `PLAN` and `SYSTEM` are the machine, its memory plan and its VMs; the constants are the numeric
//! Kconfig symbols and the sizes derived from the system.

include!(env!("CAESURA_TABLES"));
