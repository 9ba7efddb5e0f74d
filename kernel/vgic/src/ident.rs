//! Who made it: implementer and CoreSight component identification.
//!
//! For: guests that look at the architecture revision in `PIDR2` before they believe in a GIC, and for
//! drivers that match errata by `IIDR`: ours is a product number that no erratum list has. Only the
//! revision and the component class are architected (IHI 0069, 12.1.2 "GIC component identification").

/// `GICD_IIDR`, `GICR_IIDR`: product 0xca, revision 0, JEP106 code of Arm as the architecture's owner.
pub(crate) const IIDR: u32 = 0xca00_043b;

/// The twelve identification registers from `PIDR4` to `CIDR3`, one byte each.
type Block = [u8; 12];

/// Of a GICv2 distributor: `ICPIDR2.ArchRev` = 2.
pub(crate) const GICV2: &Block = &block(0x90, 0x2b);
/// Of a GICv3 distributor: `GICD_PIDR2.ArchRev` = 3.
pub(crate) const GICV3_DISTRIBUTOR: &Block = &block(0x92, 0x3b);
/// Of a GICv3 redistributor.
pub(crate) const GICV3_REDISTRIBUTOR: &Block = &block(0x93, 0x3b);

const fn block(part: u8, revision: u8) -> Block {
    [
        0x04, 0, 0, 0, part, 0xb4, revision, 0, 0x0d, 0xf0, 0x05, 0xb1,
    ]
}

/// The register at `offset`, whose low bits are 0xfd0 to 0xffc.
pub(crate) fn read(block: &Block, offset: u64) -> u32 {
    ((offset & 0xfff) as usize)
        .checked_sub(0xfd0)
        .and_then(|offset| block.get(offset >> 2))
        .copied()
        .map_or(0, u32::from)
}
