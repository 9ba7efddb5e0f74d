//! The shape of the walk and VTCR_EL2, against values worked out by hand from the Arm ARM.

use stage2::{Geometry, GeometryError};

/// PARange encodings.
const PA_32: u8 = 0;
const PA_36: u8 = 1;
const PA_40: u8 = 2;
const PA_44: u8 = 4;
const PA_48: u8 = 5;
const PA_52: u8 = 6;

#[test]
fn vtcr_is_what_the_architecture_asks_for() {
    // 40 bits on a 40-bit core, 8-bit VMID: T0SZ 24, SL0 1 (level 1), WB WA inner shareable, PS 2, RES1.
    assert_eq!(Geometry::new(40, PA_40, false).unwrap().vtcr(), 0x8002_3558);
    // 48 bits on a 48-bit core, 16-bit VMID: T0SZ 16, SL0 2 (level 0), PS 5, VS 1.
    assert_eq!(Geometry::new(48, PA_48, true).unwrap().vtcr(), 0x800d_3590);
    // A core with more than 48 bits is used as one with 48: PS 6 would ask for descriptors that we do not write.
    assert_eq!(Geometry::new(32, PA_52, false).unwrap().vtcr(), 0x8005_3560);
}

#[test]
fn the_walk_starts_at_level_1_with_concatenated_tables_up_to_43_bits() {
    let shape = |bits| {
        let geometry = Geometry::new(bits, PA_48, false).unwrap();
        (geometry.start_level(), geometry.root_pages())
    };
    assert_eq!(shape(31), (1, 1));
    assert_eq!(shape(39), (1, 1));
    assert_eq!(shape(40), (1, 2));
    assert_eq!(shape(42), (1, 8));
    assert_eq!(shape(43), (1, 16));
    assert_eq!(shape(44), (0, 1));
    assert_eq!(shape(48), (0, 1));
}

#[test]
fn a_guest_cannot_have_more_address_bits_than_the_core() {
    let too_many = Geometry::new(40, PA_36, false);
    assert_eq!(
        too_many,
        Err(GeometryError::BeyondPhysical {
            bits: 40,
            physical: 36
        })
    );
    assert!(Geometry::new(36, PA_36, false).is_ok());
    assert!(Geometry::new(44, PA_44, false).is_ok());
    assert_eq!(
        Geometry::new(49, PA_48, false),
        Err(GeometryError::IpaBits { bits: 49 })
    );
    assert_eq!(
        Geometry::new(30, PA_48, false),
        Err(GeometryError::IpaBits { bits: 30 })
    );
    assert_eq!(
        Geometry::new(40, 8, false),
        Err(GeometryError::UnknownRange { parange: 8 })
    );
}

#[test]
fn the_smallest_covering_space_is_chosen() {
    let bits = |end| Geometry::covering(end, PA_40, false).map(|geometry| geometry.ipa_bits());
    assert_eq!(bits(0x4000_0000), Ok(32));
    assert_eq!(bits(1 << 32), Ok(32));
    assert_eq!(bits((1 << 32) + 1), Ok(33));
    assert_eq!(bits(1 << 40), Ok(40));
    assert_eq!(
        bits((1 << 40) + 1),
        Err(GeometryError::BeyondPhysical {
            bits: 41,
            physical: 40
        })
    );
    assert_eq!(
        Geometry::covering(1 << 32, PA_32, false).unwrap().pa_bits(),
        32
    );
}

#[test]
fn vttbr_holds_the_vmid_above_the_root() {
    let geometry = Geometry::new(40, PA_40, true).unwrap();
    assert_eq!(geometry.vttbr(0x4123_4000, 0xabcd), 0xabcd_0000_4123_4000);
}
