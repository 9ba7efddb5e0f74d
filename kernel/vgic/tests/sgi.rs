//! Interrupts between vCPUs, and GICv2's senders.

mod common;

use common::*;
use vgic::{Kick, SgiRegister, Version, Width};

const SGIR: u64 = 0xf00;
const CPENDSGIR: u64 = 0xf10;
const SPENDSGIR: u64 = 0xf20;

/// A GICv3 in which every vCPU has enabled its SGIs.
fn v3(vcpus: usize) -> World {
    let mut world = World::v3(vcpus);
    for v in 0..vcpus {
        world.write_r(v, v, 0x1_0100, Width::Word, 0xffff);
    }
    world
}

#[test]
fn an_sgi_reaches_its_targets_and_nobody_else() {
    for mut world in [World::v2(4), v3(4)] {
        world.sgi(0, 0b1010, 3);
        for v in 0..4 {
            assert_eq!(world.ack(v), (v % 2 == 1).then_some(3));
        }
    }
}

#[test]
fn an_sgi_kicks_its_targets_only() {
    let mut world = v3(4);
    let kick = world.gic.sgi_write(0, SgiRegister::Sgi1r, 3 << 24 | 0b1010);
    assert_eq!(kick, Kick::from_bits(0b1010));
    assert!(world.gic.needs_refresh(1) && !world.gic.needs_refresh(2));
}

#[test]
fn an_sgi_that_is_pending_already_kicks_nobody() {
    let mut world = v3(2);
    world.cores[1].vmcr.0 = 0;
    let kick = world.gic.sgi_write(0, SgiRegister::Sgi1r, 3 << 24 | 0b10);
    assert!(!kick.is_empty());
    assert!(
        world
            .gic
            .sgi_write(0, SgiRegister::Sgi1r, 3 << 24 | 0b10)
            .is_empty()
    );
}

#[test]
fn irm_reaches_all_but_the_sender() {
    let mut world = v3(3);
    let kick = world
        .gic
        .sgi_write(1, SgiRegister::Sgi1r, 1 << 40 | 7 << 24);
    world.note(kick);
    assert_eq!(world.ack(0), Some(7));
    assert_eq!(world.ack(1), None);
    assert_eq!(world.ack(2), Some(7));
}

#[test]
fn other_clusters_and_ranges_are_nobody() {
    for upper in [1 << 16, 1 << 32, 1 << 48, 1 << 44] {
        let mut world = v3(2);
        assert!(
            world
                .gic
                .sgi_write(0, SgiRegister::Sgi1r, upper | 3)
                .is_empty()
        );
    }
}

#[test]
fn group_0_registers_reach_group_0_only() {
    let mut world = v3(2);
    for register in [SgiRegister::Sgi0r, SgiRegister::Asgi1r] {
        assert!(world.gic.sgi_write(0, register, 2 << 24 | 2).is_empty());
    }
    world.write_r(1, 1, 0x1_0080, Width::Word, 0);
    let kick = world.gic.sgi_write(0, SgiRegister::Sgi0r, 2 << 24 | 2);
    world.note(kick);
    assert_eq!(world.ack(1), Some(2));
    assert!(!world.cores[1].lrs[0].group1);
}

#[test]
fn a_gicv2_guest_has_no_sgi_system_registers() {
    let mut world = World::v2(2);
    assert!(world.gic.sgi_write(0, SgiRegister::Sgi1r, 0xff).is_empty());
}

#[test]
fn sgir_filters_choose_list_others_self_and_nothing() {
    let cases = [
        (0b110u32 << 16, [false, true, true]),
        (1 << 24 | 0b111 << 16, [true, false, true]),
        (2 << 24 | 0b111 << 16, [false, true, false]),
        (3 << 24 | 0b111 << 16, [false, false, false]),
    ];
    for (value, reached) in cases {
        let mut world = World::v2(3);
        world.write(1, SGIR, value | 9);
        for (v, reached) in reached.into_iter().enumerate() {
            assert_eq!(world.ack(v), reached.then_some(9), "{value:#x} vCPU {v}");
        }
    }
}

#[test]
fn gicv2_senders_are_kept_apart() {
    let mut world = World::v2(4);
    for sender in [1, 2, 3] {
        world.sgi(sender, 0b1, 5);
    }
    let mut senders = Vec::new();
    while let Some((intid, source)) = world.ack_source(0) {
        assert_eq!(intid, 5);
        assert_eq!(world.ack(0), None, "one at a time");
        senders.push(source);
        world.eoi(0, 5);
    }
    assert_eq!(senders, [1, 2, 3]);
}

#[test]
fn a_gicv2_sender_may_send_again_while_its_sgi_is_handled() {
    let mut world = World::v2(2);
    world.sgi(1, 1, 5);
    assert_eq!(world.ack_source(0), Some((5, 1)));
    world.sgi(1, 1, 5);
    world.eoi(0, 5);
    assert_eq!(world.ack_source(0), Some((5, 1)));
    world.eoi(0, 5);
    assert_eq!(world.ack(0), None);
}

#[test]
fn gicv2_sources_survive_leaving_the_core() {
    let mut world = World::v2(3);
    world.sgi(1, 1, 5);
    world.sgi(2, 1, 5);
    assert_eq!(world.ack_source(0), Some((5, 1)));
    world.unload(0);
    world.load(0);
    world.eoi(0, 5);
    assert_eq!(world.ack_source(0), Some((5, 2)));
}

#[test]
fn pending_senders_are_read_set_and_cleared_one_by_one() {
    let mut world = World::v2(4);
    world.cores[0].vmcr.0 = 0;
    world.sgi(1, 1, 6);
    world.sgi(2, 1, 6);
    assert_eq!(world.read(0, SPENDSGIR + 4), 0b0110 << 16);
    assert_eq!(world.read(0, CPENDSGIR + 4), 0b0110 << 16);
    assert_eq!(world.read_as(0, SPENDSGIR + 6, Width::Byte), 0b0110);
    assert_eq!(world.read(1, SPENDSGIR + 4), 0, "banked");
    world.write_as(0, CPENDSGIR + 6, Width::Byte, 0b0010);
    assert_eq!(world.read(0, SPENDSGIR + 4), 0b0100 << 16);
    world.write(0, SPENDSGIR + 4, 0b1000 << 16 | 0xf0);
    assert_eq!(
        world.read(0, SPENDSGIR + 4),
        0b1100 << 16,
        "there is no vCPU 4"
    );
    assert_eq!(world.read(0, ISPENDR), 1 << 6);
    world.write(0, CPENDSGIR + 4, u32::MAX);
    assert_eq!(world.read(0, ISPENDR), 0);
    world.cores[0].vmcr = OPEN;
    assert_eq!(world.ack(0), None);
}

#[test]
fn gicv2_sgis_are_always_enabled_and_not_pended_by_the_general_registers() {
    let mut world = World::v2(2);
    world.write(0, ICENABLER, u32::MAX);
    assert_eq!(world.read(0, ISENABLER), 0xffff);
    world.write(0, ISPENDR, 0xffff);
    assert_eq!(world.read(0, ISPENDR), 0);
    world.sgi(1, 1, 4);
    world.write(0, ICPENDR, 0xffff);
    assert_eq!(world.ack(0), Some(4));
}

#[test]
fn gicv3_sgis_have_one_pending_bit_and_can_be_disabled() {
    let mut world = v3(3);
    world.sgi(1, 1, 5);
    world.sgi(2, 1, 5);
    assert_eq!(world.ack_source(0), Some((5, 0)));
    world.eoi(0, 5);
    assert_eq!(world.ack(0), None);
    world.write_bit(0, ICENABLER, 5);
    world.sgi(1, 1, 5);
    assert_eq!(world.ack(0), None);
    world.write_bit(0, ICPENDR, 5);
    world.write_bit(0, ISENABLER, 5);
    assert_eq!(world.ack(0), None);
}

#[test]
fn an_sgi_waits_for_a_vcpu_that_is_off() {
    for version in [Version::V2, Version::V3] {
        let mut world = World::new(version, 2, 4);
        world.write_bit_of(0, 1, ISENABLER, 3);
        world.unload(1);
        let kick = world.gic.cpu_off(1);
        world.note(kick);
        world.sgi(0, 0b10, 3);
        let kick = world.gic.cpu_on(1);
        world.note(kick);
        world.load(1);
        world.cores[1].vmcr = OPEN;
        assert_eq!(world.ack(1), Some(3));
    }
}
