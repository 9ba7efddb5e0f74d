//! What each register reads as and keeps.

mod common;

use common::*;
use vgic::{
    Config, ConfigError, GICD_V2_SIZE, GICD_V3_SIZE, GICR_STRIDE, Kick, LrState, Version, Vgic,
    Width,
};

#[test]
fn a_fresh_controller_reads_as_zero_everywhere() {
    let mut gic = Gic::new();
    let mut core = Core::new(4);
    for offset in (0..GICD_V3_SIZE).step_by(4) {
        assert_eq!(gic.gicd_read(0, offset, Width::Word, &mut core).value, 0);
        assert_eq!(gic.gicr_read(0, offset, Width::Word, &mut core).value, 0);
    }
}

#[test]
fn impossible_configurations_are_refused() {
    let mut gic: Vgic<2> = Vgic::new();
    let good = Config {
        version: Version::V3,
        vcpus: 8,
        spis: 64,
    };
    assert_eq!(gic.configure(&good), Ok(()));
    for vcpus in [0, 9, usize::MAX] {
        assert_eq!(
            gic.configure(&Config { vcpus, ..good }),
            Err(ConfigError::Vcpus)
        );
    }
    for spis in [1, 33, 96, u32::MAX, u32::MAX - 31] {
        assert_eq!(
            gic.configure(&Config { spis, ..good }),
            Err(ConfigError::Spis)
        );
    }
    let mut large: Vgic<31> = Vgic::new();
    assert_eq!(
        large.configure(&Config { spis: 992, ..good }),
        Err(ConfigError::Spis)
    );
    assert_eq!(large.configure(&Config { spis: 960, ..good }), Ok(()));
    assert_eq!(gic.configure(&Config { spis: 0, ..good }), Ok(()));
}

#[test]
fn identification_tells_the_architecture_and_the_numbers() {
    let mut v2 = World::v2(3);
    assert_eq!(v2.read(0, 0x004), 2 | 2 << 5);
    assert_eq!(v2.read(0, 0xfe8) >> 4 & 0xf, 2);
    assert_eq!(v2.read(0, 0xff0), 0x0d);
    let mut v3 = World::v3(3);
    let typer = v3.read(0, 0x004);
    assert_eq!(typer & 0x1f, 2, "lines");
    assert_eq!(typer >> 5 & 7, 0, "no CPU number with affinity routing");
    assert_eq!(typer >> 10 & 1, 0, "one security state");
    assert_eq!(typer >> 17 & 1, 0, "no LPIs");
    assert_eq!(typer >> 19 & 0x1f, 9, "ten bits");
    assert_eq!(typer >> 24 & 3, 0, "no Aff3, 1 of N supported");
    assert_eq!(v3.read(0, 0xffe8) >> 4 & 0xf, 3);
    assert_eq!(v3.read_r(0, 2, 0xffe8) >> 4 & 0xf, 3);
    assert_eq!(v3.read(0, 0x008), v2.read(0, 0x008));
    assert_eq!(v3.read_r(0, 0, 0x0004), v2.read(0, 0x008));
}

#[test]
fn control_keeps_the_group_enables_and_shows_the_fixed_view() {
    let mut v2 = World::v2(1);
    v2.write(0, 0, u32::MAX);
    assert_eq!(v2.read(0, 0), 3);
    let mut v3 = World::v3(1);
    v3.write(0, 0, u32::MAX);
    assert_eq!(v3.read(0, 0), 0x53, "DS and ARE");
    v3.write(0, 0, 0);
    assert_eq!(v3.read(0, 0), 0x50);
}

#[test]
fn enables_are_set_and_cleared_bit_by_bit() {
    for mut world in [World::v2(2), World::v3(2)] {
        world.write(0, ISENABLER + 4, 0xff00_00ff);
        world.write(0, ICENABLER + 4, 0x0f00_000f);
        assert_eq!(world.read(0, ISENABLER + 4), 0xf000_00f0);
        assert_eq!(world.read(1, ICENABLER + 4), 0xf000_00f0);
        assert_eq!(world.read(0, ISENABLER + 8), 0);
        world.write(0, ISENABLER + 12, u32::MAX);
        assert_eq!(world.read(0, ISENABLER + 12), 0, "there are two words");
    }
}

#[test]
fn private_enables_are_each_vcpus_own() {
    let mut v2 = World::v2(2);
    v2.write(0, ISENABLER, 1 << 27);
    assert_eq!(v2.read(0, ISENABLER), 1 << 27 | 0xffff);
    assert_eq!(v2.read(1, ISENABLER), 0xffff);
    let mut v3 = World::v3(2);
    v3.write_r(0, 1, 0x1_0100, Width::Word, 1 << 27);
    assert_eq!(v3.read_r(1, 1, 0x1_0100), 1 << 27);
    assert_eq!(v3.read_r(1, 0, 0x1_0100), 0);
    v3.write(0, ISENABLER, u32::MAX);
    assert_eq!(v3.read(0, ISENABLER), 0, "reserved with affinity routing");
    assert_eq!(v3.read_r(0, 0, 0x1_0100), 0);
}

#[test]
fn priorities_have_five_bits_and_are_bytes_and_words() {
    for mut world in [World::v2(1), World::v3(1)] {
        world.write(0, IPRIORITYR + 32, 0xffff_ffff);
        assert_eq!(world.read(0, IPRIORITYR + 32), 0xf8f8_f8f8);
        world.write_as(0, IPRIORITYR + 33, Width::Byte, 0x17);
        assert_eq!(world.read(0, IPRIORITYR + 32), 0xf8f8_10f8);
        assert_eq!(world.read_as(0, IPRIORITYR + 33, Width::Byte), 0x10);
        assert_eq!(world.read_as(0, IPRIORITYR + 32, Width::Half), 0);
        assert_eq!(world.read_as(0, IPRIORITYR + 32, Width::Double), 0);
    }
}

#[test]
fn one_bit_registers_take_words_only() {
    for mut world in [World::v2(1), World::v3(1)] {
        for (width, offset) in [
            (Width::Byte, 4),
            (Width::Half, 4),
            (Width::Double, 8),
            (Width::Word, 6),
        ] {
            world.write_as(0, ISENABLER + offset, width, u64::MAX);
            assert_eq!(world.read_as(0, ISENABLER + offset, width), 0);
        }
        assert_eq!(world.read(0, ISENABLER + 4), 0);
        assert_eq!(world.read(0, ISENABLER + 8), 0);
    }
}

#[test]
fn triggers_are_kept_except_that_sgis_are_edges() {
    let mut v2 = World::v2(1);
    let mut v3 = World::v3(1);
    v2.write(0, ICFGR, 0);
    v3.write_r(0, 0, 0x1_0c00, Width::Word, 0);
    assert_eq!(v2.read(0, ICFGR), 0xaaaa_aaaa);
    assert_eq!(v3.read_r(0, 0, 0x1_0c00), 0xaaaa_aaaa);
    v3.write_r(0, 0, 0x1_0c04, Width::Word, 0xffff_ffff);
    assert_eq!(v3.read_r(0, 0, 0x1_0c04), 0xaaaa_aaaa);
    for world in [&mut v2, &mut v3] {
        assert_eq!(world.read(0, ICFGR + 8), 0);
        world.write(0, ICFGR + 12, 0x8000_0002);
        assert_eq!(world.read(0, ICFGR + 12), 0x8000_0002);
        assert_eq!(world.read(0, ICFGR + 8), 0);
    }
}

#[test]
fn groups_reset_to_what_guests_expect_and_are_kept() {
    let mut v2 = World::v2(1);
    let mut v3 = World::v3(1);
    assert_eq!(v2.read(0, 0x084), 0);
    assert_eq!(v3.read(0, 0x084), u32::MAX);
    assert_eq!(v3.read_r(0, 0, 0x1_0080), u32::MAX);
    v2.write(0, 0x080, 0x1234);
    v3.write_r(0, 0, 0x1_0080, Width::Word, 0x1234);
    assert_eq!(v2.read(0, 0x080), 0x1234);
    assert_eq!(v3.read_r(0, 0, 0x1_0080), 0x1234);
}

#[test]
fn a_group_that_the_distributor_does_not_enable_is_not_delivered() {
    for mut world in [World::v2(1), World::v3(1)] {
        world.route(0, 40, 0);
        world.write_bit(0, ISENABLER, 40);
        world.write(0, 0x084, 1 << 8);
        world.write(0, 0, 1);
        world.edge(0, 40);
        assert_eq!(world.ack(0), None);
        world.write(0, 0, 2);
        assert!(
            world.cores[0]
                .lrs
                .iter()
                .any(|lr| lr.intid == 40 && lr.group1)
        );
        world.write(0, 0, 0);
        assert_eq!(world.ack(0), None);
    }
}

#[test]
fn pending_and_active_registers_show_and_change_what_the_hardware_holds() {
    for mut world in [World::v2(1), World::v3(1)] {
        world.route(0, 40, 0);
        world.write_bit(0, ISENABLER, 40);
        world.write_bit(0, ISPENDR, 40);
        assert!(world.read_bit(0, ICPENDR, 40));
        assert!(!world.read_bit(0, ISACTIVER, 40));
        assert_eq!(world.ack(0), Some(40));
        assert!(!world.read_bit(0, ISPENDR, 40));
        assert!(world.read_bit(0, ICACTIVER, 40));
        world.write_bit(0, ICACTIVER, 40);
        assert!(!world.read_bit(0, ISACTIVER, 40));
        assert!(world.cores[0].lrs.iter().all(|lr| !lr.state.is_active()));
        world.cores[0].running.clear();
        world.write_bit(0, ISPENDR, 40);
        world.write_bit(0, ICPENDR, 40);
        assert!(!world.read_bit(0, ISPENDR, 40));
        assert_eq!(world.ack(0), None);
        world.write_bit(0, ISACTIVER, 40);
        assert!(world.read_bit(0, ISACTIVER, 40));
        world.edge(0, 40);
        assert_eq!(world.ack(0), None, "active");
    }
}

#[test]
fn clearing_pending_does_not_silence_an_asserted_line() {
    let mut world = World::v3(1);
    world.write_bit(0, ISENABLER, 40);
    world.level(0, 40, true);
    world.write_bit(0, ICPENDR, 40);
    assert!(world.read_bit(0, ISPENDR, 40));
    assert_eq!(world.ack(0), Some(40));
}

#[test]
fn what_another_core_lists_is_brought_home_by_asking_for_it() {
    let mut world = World::v3(2);
    world.write_bit(0, ISENABLER, 40);
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
    world.enter(0);
    assert!(world.read_bit(1, ISACTIVER, 40));
    world.prompt = false;
    world.eoi(0, 40);
    let read = world
        .gic
        .gicd_read(1, ISACTIVER + 4, Width::Word, &mut world.cores[1]);
    assert_eq!(read.kick, Kick::from_bits(1));
    world.note(read.kick);
    world.settle();
    assert!(!world.read_bit(1, ISACTIVER, 40));
}

#[test]
fn another_core_is_made_to_drop_what_is_cleared_here() {
    for (base, state) in [(ICPENDR, false), (ICACTIVER, true)] {
        let mut world = World::v3(2);
        world.write_bit(0, ISENABLER, 40);
        world.edge(0, 40);
        if state {
            assert_eq!(world.ack(0), Some(40));
        }
        world.write_bit(1, base, 40);
        assert!(
            world.cores[0]
                .lrs
                .iter()
                .all(|lr| !lr.state.is_active() && !lr.state.is_pending())
        );
        assert_eq!(world.ack(0), None);
    }
}

#[test]
fn gicv2_targets_are_masks_of_existing_vcpus() {
    let mut world = World::v2(3);
    world.write(0, ITARGETSR + 32, 0xffff_ffff);
    assert_eq!(world.read(0, ITARGETSR + 32), 0x0707_0707);
    world.write_as(0, ITARGETSR + 33, Width::Byte, 2);
    assert_eq!(world.read_as(0, ITARGETSR + 33, Width::Byte), 2);
    assert_eq!(world.read(1, ITARGETSR), 0x0202_0202, "names the reader");
    world.write(1, ITARGETSR, 0);
    assert_eq!(world.read(1, ITARGETSR + 28), 0x0202_0202);
    let mut alone = World::v2(1);
    alone.write(0, ITARGETSR + 32, 0xffff_ffff);
    assert_eq!(alone.read(0, ITARGETSR + 32), 0);
    assert_eq!(alone.read(0, ITARGETSR), 0);
    alone.write_bit(0, ISENABLER, 33);
    alone.edge(0, 33);
    assert_eq!(alone.ack(0), Some(33));
}

#[test]
fn an_interrupt_without_a_target_waits_for_one() {
    let mut world = World::v2(2);
    world.write_bit(0, ISENABLER, 40);
    world.edge(0, 40);
    assert_eq!((world.ack(0), world.ack(1)), (None, None));
    world.route(0, 40, 1);
    assert_eq!(world.ack(1), Some(40));
    let mut world = World::v3(2);
    world.write_bit(0, ISENABLER, 40);
    world.route(0, 40, 7);
    world.edge(0, 40);
    assert_eq!((world.ack(0), world.ack(1)), (None, None));
    world.route(0, 40, 1);
    assert_eq!(world.ack(1), Some(40));
}

#[test]
fn what_a_write_makes_active_is_its_targets_or_without_one_the_writers() {
    let mut world = World::v2(2);
    world.route(0, 41, 0);
    for spi in [40, 41] {
        world.write_bit(1, ISACTIVER, spi);
    }
    let mut active = |v: usize| -> Vec<u32> {
        world.enter(v);
        let lrs = world.cores[v].lrs.iter();
        lrs.filter(|lr| lr.state == LrState::Active)
            .map(|lr| lr.intid)
            .collect()
    };
    assert_eq!((active(0), active(1)), (vec![41], vec![40]));
}

#[test]
fn routes_keep_affinity_and_mode_and_can_be_halved() {
    let mut world = World::v3(2);
    let irouter = 0x6000 + 40 * 8;
    world.write_as(0, irouter, Width::Double, u64::MAX);
    assert_eq!(
        world.read_as(0, irouter, Width::Double),
        0x80ff_ffff,
        "no Aff3"
    );
    world.write(0, irouter, 1);
    world.write(0, irouter + 4, u32::MAX);
    assert_eq!(world.read(0, irouter), 1);
    assert_eq!(world.read(0, irouter + 4), 0);
    world.write_as(0, 0x6000 + 96 * 8, Width::Double, 1);
    assert_eq!(
        world.read_as(0, 0x6000 + 96 * 8, Width::Double),
        0,
        "beyond the last"
    );
    world.write_as(0, 0x6000, Width::Double, 1);
    assert_eq!(world.read_as(0, 0x6000, Width::Double), 0, "private");
}

#[test]
fn one_of_n_goes_to_a_vcpu_that_is_on() {
    let mut world = World::v3(2);
    world.write_as(0, 0x6000 + 40 * 8, Width::Double, 1 << 31);
    world.write_bit(0, ISENABLER, 40);
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
    world.eoi(0, 40);
    world.unload(0);
    let kick = world.gic.cpu_off(0);
    world.note(kick);
    world.edge(0, 40);
    assert_eq!(world.ack(1), Some(40));
}

#[test]
fn redistributors_name_their_vcpu_and_the_last_says_so() {
    let mut world = World::v3(3);
    for owner in 0..3u64 {
        let base = owner * GICR_STRIDE;
        let read = world
            .gic
            .gicr_read(0, base + 8, Width::Double, &mut world.cores[0]);
        let last = u64::from(owner == 2) << 4;
        assert_eq!(read.value, owner << 32 | owner << 8 | last);
        assert_eq!(
            u64::from(world.read_r(0, owner as usize, 8)),
            owner << 8 | last
        );
        assert_eq!(u64::from(world.read_r(0, owner as usize, 12)), owner);
    }
    assert_eq!(world.read_r(0, 3, 8), 0);
    assert_eq!(world.read_r(0, 3, 0xffe8), 0);
    assert_eq!(world.read_r(0, 0, 0x70), 0, "PROPBASER");
    world.write_r(0, 0, 0x70, Width::Double, u64::MAX);
    assert_eq!(world.read_r(0, 0, 0x70), 0);
}

#[test]
fn waker_follows_its_handshake() {
    let mut world = World::v3(2);
    assert_eq!(world.read_r(0, 1, 0x14), 6);
    world.write_r(0, 1, 0x14, Width::Word, 0);
    assert_eq!(world.read_r(0, 1, 0x14), 0);
    assert_eq!(world.read_r(0, 0, 0x14), 6);
    world.write_r(0, 1, 0x14, Width::Word, 2);
    assert_eq!(world.read_r(0, 1, 0x14), 6);
}

#[test]
fn a_disable_is_in_progress_until_the_other_core_has_let_go() {
    let mut world = World::v3(2);
    world.write_bit(0, ISENABLER, 40);
    world.edge(0, 40);
    world.prompt = false;
    world.write_bit(1, ICENABLER, 40);
    assert_eq!(world.read(1, 0) >> 31, 1, "RWP");
    assert_eq!(world.read_r(1, 0, 0), 8, "RWP of the redistributor");
    assert!(world.cores[0].signalled().is_some());
    world.settle();
    assert_eq!(world.read(1, 0) >> 31, 0);
    assert_eq!(world.read_r(1, 0, 0), 0);
    assert!(world.cores[0].signalled().is_none());

    world.write_bit(1, ISENABLER, 40);
    world.settle();
    world.write(1, 0, 0);
    assert_eq!(world.read(1, 0) >> 31, 1);
    world.unload(0);
    assert_eq!(world.read(1, 0) >> 31, 0, "it left its core");
}

#[test]
fn every_offset_in_every_width_is_defined_and_leaves_the_guest_running() {
    let widths = [Width::Byte, Width::Half, Width::Word, Width::Double];
    for (version, size) in [(Version::V2, GICD_V2_SIZE), (Version::V3, GICD_V3_SIZE)] {
        for (step, value) in [(4, 0), (1, u64::MAX), (4, 0x5555_5555_5555_5555)] {
            let mut world = World::new(version, 2, 2);
            for offset in (0..size + 0x100)
                .step_by(step)
                .chain([u64::MAX, u64::MAX - 7, 1 << 32])
            {
                for width in widths {
                    world.read_as(0, offset, width);
                    world.write_as(1, offset, width, value);
                }
            }
            for offset in
                (0..3 * GICR_STRIDE)
                    .step_by(step)
                    .chain([u64::MAX, u64::MAX - 7, 1 << 40])
            {
                for width in widths {
                    let read = world.gic.gicr_read(0, offset, width, &mut world.cores[0]);
                    world.note(read.kick);
                    let kick = world
                        .gic
                        .gicr_write(1, offset, width, value, &mut world.cores[1]);
                    world.note(kick);
                }
            }
        }
    }
}

#[test]
fn vcpus_and_interrupts_that_do_not_exist_are_ignored() {
    let mut world = World::v3(2);
    for v in [2, 7, 8, usize::MAX] {
        let core = &mut world.cores[0];
        assert!(world.gic.load(v, core).is_empty());
        assert!(world.gic.refresh(v, core).is_empty());
        assert!(world.gic.sync(v, core).is_empty());
        assert!(world.gic.unload(v, core).is_empty());
        assert!(world.gic.cpu_on(v).is_empty());
        assert!(world.gic.cpu_off(v).is_empty());
        assert!(world.gic.set_level(v, 27, true).is_empty());
        assert!(world.gic.inject_edge(v, 27).is_empty());
        assert!(world.gic.linked_fired(v, 27).is_empty());
        assert!(world.gic.deactivate(v, 27, core).is_empty());
        assert!(!world.gic.needs_refresh(v) && !world.gic.has_deliverable(v));
        assert_eq!(world.gic.gicd_read(v, 0, Width::Word, core).value, 0);
    }
    for intid in [0, 15, 96, 1019, 1023, 8192, u32::MAX] {
        assert!(world.gic.set_level(0, intid, true).is_empty());
        assert!(world.gic.inject_edge(0, intid).is_empty());
    }
}

#[test]
fn what_is_peeked_at_is_what_a_read_says() {
    for mut world in [World::v2(2), World::v3(2)] {
        world.write_bit(0, ISENABLER, 40);
        let mut known = 0;
        for offset in (0..0x1_0000).step_by(4) {
            let Some(peeked) = world.gic.gicd_peek(offset) else {
                continue;
            };
            known += 1;
            let core = &mut world.cores[0];
            let read = world.gic.gicd_read(0, offset, Width::Word, core);
            assert_eq!((read.value, read.kick), (peeked.into(), Kick::NONE));
        }
        assert!(known > 0);
        assert_eq!(world.gic.gicd_peek(0x104), Some(1 << 8));
        assert_eq!(
            world.gic.gicd_peek(0x100),
            None,
            "private: the reader's own"
        );
    }
}

#[test]
fn the_short_way_of_a_software_interrupt_is_for_its_register_only() {
    let mut world = World::v2(2);
    world.write_bit(1, ISENABLER, 3);
    for offset in (0..0x1000).step_by(4).filter(|offset| *offset != 0xf00) {
        assert_eq!(world.gic.gicd_send(0, offset, 1 << 17 | 3), None);
    }
    let kick = world.gic.gicd_send(0, 0xf00, 1 << 17 | 3);
    world.note(kick.expect("GICD_SGIR"));
    assert_eq!(world.ack(1).map(|iar| iar & 0x3ff), Some(3));
    assert_eq!(World::v3(2).gic.gicd_send(0, 0xf00, 1 << 17 | 3), None);
}
