//! From an asserted line to the guest's acknowledge, one promise a test.

mod common;

use common::*;
use vgic::{Control, LrState, Version, Vmcr};

const VERSIONS: [Version; 2] = [Version::V2, Version::V3];

/// A world in which SPI 40 is enabled and goes to vCPU 0.
fn with_spi(version: Version, vcpus: usize, lrs: usize) -> World {
    let mut world = World::new(version, vcpus, lrs);
    world.route(0, 40, 0);
    world.write_bit(0, ISENABLER, 40);
    world
}

#[test]
fn an_enabled_edge_is_acknowledged_exactly_once() {
    for version in VERSIONS {
        let mut world = with_spi(version, 1, 4);
        world.set_edge(0, 40, true);
        world.level(0, 40, true);
        assert_eq!(world.ack(0), Some(40));
        world.eoi(0, 40);
        assert_eq!(world.ack(0), None);
    }
}

#[test]
fn a_disabled_interrupt_waits_until_it_is_enabled() {
    for version in VERSIONS {
        let mut world = with_spi(version, 1, 4);
        world.write_bit(0, ICENABLER, 40);
        world.edge(0, 40);
        assert_eq!(world.ack(0), None);
        assert!(!world.gic.has_deliverable(0));
        world.write_bit(0, ISENABLER, 40);
        assert_eq!(world.ack(0), Some(40));
    }
}

#[test]
fn a_level_comes_again_while_its_line_is_asserted_and_then_no_more() {
    for version in VERSIONS {
        let mut world = with_spi(version, 1, 4);
        world.level(0, 40, true);
        for _ in 0..3 {
            assert_eq!(world.ack(0), Some(40));
            assert_eq!(world.ack(0), None);
            world.eoi(0, 40);
        }
        assert_eq!(world.ack(0), Some(40));
        world.level(0, 40, false);
        world.eoi(0, 40);
        assert_eq!(world.ack(0), None);
    }
}

#[test]
fn a_level_whose_line_falls_before_the_acknowledge_is_withdrawn() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.level(0, 40, true);
    world.level(0, 40, false);
    assert_eq!(world.ack(0), None);
}

#[test]
fn the_end_of_a_level_needs_no_exit_once_its_line_has_fallen() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.level(0, 40, true);
    assert_eq!(world.ack(0), Some(40));
    world.level(0, 40, false);
    world.prompt = false;
    world.eoi(0, 40);
    assert!(!world.cores[0].maintenance());
}

#[test]
fn an_edge_during_its_handler_comes_right_after_it() {
    for version in VERSIONS {
        let mut world = with_spi(version, 1, 4);
        world.set_edge(0, 40, true);
        world.edge(0, 40);
        assert_eq!(world.ack(0), Some(40));
        world.edge(0, 40);
        assert_eq!(world.ack(0), None);
        world.eoi(0, 40);
        assert_eq!(world.ack(0), Some(40));
    }
}

#[test]
fn an_edge_between_acknowledge_and_the_next_look_at_the_hardware_is_not_lost() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.set_edge(0, 40, true);
    world.edge(0, 40);
    world.prompt = false;
    assert_eq!(world.ack(0), Some(40));
    world.eoi(0, 40);
    world.edge(0, 40);
    world.settle();
    assert_eq!(world.ack(0), Some(40));
}

#[test]
fn the_most_urgent_comes_first_whatever_the_number_of_list_registers() {
    for lrs in [1, 2, 4, 16] {
        let mut world = World::new(Version::V3, 1, lrs);
        for n in 0..30u32 {
            world.set_priority(0, 32 + n, (n as u8 % 15 + 1) * 8);
            world.write_bit(0, ISENABLER, 32 + n);
        }
        for n in 0..30u32 {
            world.edge(0, 32 + n);
        }
        let mut last = 0;
        for _ in 0..30 {
            let intid = world.ack(0).expect("all thirty are delivered");
            let priority = ((intid - 32) as u8 % 15 + 1) * 8;
            assert!(priority >= last, "{lrs} list registers");
            last = priority;
            world.eoi(0, intid);
        }
        assert_eq!(world.ack(0), None);
        assert_eq!(world.cores[0].control, Control::QUIET);
    }
}

#[test]
fn handlers_nest_deeper_than_there_are_list_registers() {
    for version in VERSIONS {
        let mut world = World::new(version, 1, 2);
        for n in 0..10u32 {
            world.set_priority(0, 32 + n, 0xf0 - 8 * n as u8);
            world.write_bit(0, ISENABLER, 32 + n);
        }
        for n in 0..10u32 {
            world.level(0, 32 + n, true);
            assert_eq!(world.ack(0), Some(32 + n));
        }
        for n in (0..10u32).rev() {
            world.level(0, 32 + n, false);
            world.eoi(0, 32 + n);
            assert!(!world.read_bit(0, ISACTIVER, 32 + n), "deactivated");
        }
        assert_eq!(world.read(0, ISACTIVER + 4), 0);
        assert_eq!(world.ack(0), None);
    }
}

#[test]
fn split_eoi_deactivates_in_any_order_and_beyond_the_list_registers() {
    let mut world = World::new(Version::V3, 1, 2);
    world.cores[0].vmcr = OPEN_SPLIT;
    for n in 0..6u32 {
        world.set_priority(0, 32 + n, 0x80);
        world.write_bit(0, ISENABLER, 32 + n);
        world.level(0, 32 + n, true);
    }
    let mut taken = Vec::new();
    while let Some(intid) = world.ack(0) {
        world.eoi(0, intid);
        taken.push(intid);
    }
    assert_eq!(taken.len(), 6, "an active one does not come again");
    for intid in [34, 32, 37, 33, 36, 35] {
        world.level(0, intid, false);
        world.dir(0, intid);
        assert!(!world.read_bit(0, ISACTIVER, intid));
    }
    assert_eq!(world.read(0, ISACTIVER + 4), 0);
    assert_eq!(world.ack(0), None);
}

#[test]
fn in_split_eoi_another_vcpu_may_deactivate_a_shared_interrupt() {
    let mut world = with_spi(Version::V3, 2, 4);
    world.cores[0].vmcr = OPEN_SPLIT;
    world.cores[1].vmcr = OPEN_SPLIT;
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
    world.eoi(0, 40);
    world.enter(1);
    world.dir(1, 40);
    assert!(!world.read_bit(0, ISACTIVER, 40));
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
}

#[test]
fn deactivation_is_ignored_in_eoi_mode_0() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
    let kick = world.gic.deactivate(0, 40, &mut world.cores[0]);
    world.note(kick);
    assert!(world.read_bit(0, ISACTIVER, 40));
}

#[test]
fn what_the_cpu_interface_holds_back_does_not_block_the_rest() {
    let mut world = World::new(Version::V3, 1, 2);
    world.cores[0].vmcr = Vmcr(0xf800_0002);
    world.enter(0);
    for n in 0..4u32 {
        world.set_priority(0, 40 + n, 0x10);
    }
    world.write(0, 0x84, !0xf00);
    world.set_priority(0, 60, 0x80);
    world.write(0, ISENABLER + 4, u32::MAX);
    for intid in [40, 41, 42, 43, 60] {
        world.edge(0, intid);
    }
    assert_eq!(world.ack(0), Some(60));
}

#[test]
fn an_interrupt_follows_its_route_even_out_of_a_list_register() {
    for version in VERSIONS {
        let mut world = with_spi(version, 2, 4);
        world.edge(0, 40);
        world.route(0, 40, 1);
        assert_eq!(world.ack(0), None);
        assert_eq!(world.ack(1), Some(40));
    }
}

#[test]
fn a_rerouted_level_goes_to_its_new_target_after_the_old_one_ends_it() {
    let mut world = with_spi(Version::V3, 2, 4);
    world.level(0, 40, true);
    assert_eq!(world.ack(0), Some(40));
    world.route(1, 40, 1);
    assert_eq!(world.ack(1), None, "active on vCPU 0");
    world.eoi(0, 40);
    assert_eq!(world.ack(0), None);
    assert_eq!(world.ack(1), Some(40));
}

#[test]
fn a_rerouted_edge_comes_again_at_its_new_target() {
    let mut world = with_spi(Version::V3, 2, 4);
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
    world.route(0, 40, 1);
    world.edge(0, 40);
    world.eoi(0, 40);
    assert_eq!(world.ack(0), None);
    assert_eq!(world.ack(1), Some(40));
}

#[test]
fn a_group_that_the_guest_turns_off_does_not_hold_the_list_registers() {
    let mut world = World::new(Version::V3, 1, 1);
    world.write(0, 0x84, !(1 << 8));
    for intid in [40, 60] {
        world.write_bit(0, ISENABLER, intid);
        world.edge(0, intid);
    }
    assert_eq!(world.cores[0].lrs[0].intid, 40);
    world.cores[0].vmcr = Vmcr(0xf800_0002);
    assert!(world.cores[0].maintenance());
    world.settle();
    assert_eq!(world.ack(0), Some(60));
    world.cores[0].vmcr = OPEN;
    world.settle();
    world.eoi(0, 60);
    assert_eq!(world.ack(0), Some(40));
}

#[test]
fn pending_and_active_survive_leaving_and_returning_to_a_core() {
    for version in VERSIONS {
        let mut world = with_spi(version, 1, 4);
        world.set_priority(0, 40, 0x80);
        world.set_priority(0, 27, 0x40);
        world.write_bit(0, ISENABLER, 27);
        world.edge(0, 40);
        assert_eq!(world.ack(0), Some(40));
        world.edge(0, 27);
        world.unload(0);
        world.load(0);
        assert_eq!(world.ack(0), Some(27));
        world.unload(0);
        world.load(0);
        world.eoi(0, 27);
        world.eoi(0, 40);
        assert_eq!(world.read(0, ISACTIVER + 4), 0);
        assert_eq!(world.ack(0), None);
    }
}

#[test]
fn a_waiting_vcpu_is_told_of_what_its_masks_let_through_only() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.set_priority(0, 40, 0x80);
    world.cores[0].vmcr = Vmcr(0x8000_0002);
    world.edge(0, 40);
    let kick = world.gic.sync(0, &mut world.cores[0]);
    assert!(!world.gic.has_deliverable(0), "masked by priority");
    world.cores[0].vmcr = Vmcr(0x8800_0001);
    world.note(kick);
    let kick = world.gic.sync(0, &mut world.cores[0]);
    assert!(!world.gic.has_deliverable(0), "group 1 is off");
    world.cores[0].vmcr = Vmcr(0x8800_0002);
    world.note(kick);
    let kick = world.gic.sync(0, &mut world.cores[0]);
    assert!(world.gic.has_deliverable(0));
    world.note(kick);
    assert_eq!(world.ack(0), Some(40));
    let kick = world.gic.sync(0, &mut world.cores[0]);
    assert!(!world.gic.has_deliverable(0), "it is active now");
    world.note(kick);
}

#[test]
fn a_vcpu_that_starts_again_keeps_pending_interrupts_and_loses_running_priorities() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.edge(0, 40);
    assert_eq!(world.ack(0), Some(40));
    world.write_bit(0, ISENABLER, 30);
    world.edge(0, 30);
    world.unload(0);
    let kick = world.gic.cpu_off(0);
    world.note(kick);
    assert!(!world.gic.needs_refresh(0));
    let kick = world.gic.cpu_on(0);
    world.note(kick);
    world.load(0);
    assert_eq!(world.cores[0].vmcr, Vmcr(0));
    world.cores[0].vmcr = OPEN;
    assert!(world.cores[0].running.is_empty());
    assert_eq!(world.ack(0), Some(30));
}

#[test]
fn after_reset_nothing_is_left() {
    let mut world = with_spi(Version::V3, 2, 4);
    world.level(0, 40, true);
    world.sgi(0, 3, 5);
    world.unload(0);
    world.unload(1);
    world.gic.reset();
    let kick = world.gic.cpu_on(0);
    world.note(kick);
    world.load(0);
    assert!(
        world.cores[0]
            .lrs
            .iter()
            .all(|lr| lr.state == LrState::Invalid)
    );
    assert_eq!(world.read(0, 0) & 3, 0);
    assert_eq!(world.read(0, ISENABLER + 4), 0);
    assert_eq!(world.read(0, ISPENDR + 4), 0);
}

#[test]
fn a_quiet_vcpu_costs_no_list_register_access() {
    let mut world = with_spi(Version::V3, 1, 4);
    world.edge(0, 40);
    let intid = world.ack(0).expect("delivered");
    world.eoi(0, intid);
    world.enter(0);
    let before = world.cores[0].writes;
    for _ in 0..10 {
        world.enter(0);
        assert_eq!(world.read(0, ISENABLER + 4), 1 << 8);
        assert_eq!(world.read(0, ISPENDR + 4), 0);
    }
    assert_eq!(world.cores[0].writes, before);
}
