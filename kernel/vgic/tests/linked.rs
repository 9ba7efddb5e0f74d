//! Virtual interrupts that end a physical one: the timer's PPI.

mod common;

use common::*;
use vgic::{LrState, Version};

const TIMER: u32 = 27;
const BIT: u32 = 1 << TIMER;

fn world(version: Version) -> World {
    let mut world = World::new(version, 2, 4);
    assert!(world.gic.link(TIMER, TIMER));
    world.write_bit(0, ISENABLER, TIMER);
    world.write_bit(1, ISENABLER, TIMER);
    world
}

/// The physical interrupt of vCPU `v`'s core fires, as the hypervisor handles it.
fn fire(world: &mut World, v: usize) {
    world.cores[v].physical_line |= BIT;
    world.cores[v].physical_active |= BIT;
    let kick = world.gic.linked_fired(v, TIMER);
    world.note(kick);
}

#[test]
fn the_guests_end_of_interrupt_ends_the_physical_one_without_an_exit() {
    for version in [Version::V2, Version::V3] {
        let mut world = world(version);
        fire(&mut world, 0);
        assert_eq!(world.ack(0), Some(TIMER));
        world.cores[0].physical_line = 0;
        world.prompt = false;
        world.eoi(0, TIMER);
        assert!(!world.cores[0].maintenance());
        assert_eq!(world.cores[0].physical_active, 0);
        world.prompt = true;
        world.enter(0);
        assert_eq!(world.ack(0), None);
        fire(&mut world, 0);
        assert_eq!(world.ack(0), Some(TIMER));
    }
}

#[test]
fn firing_again_before_the_list_registers_were_read_is_not_lost() {
    for version in [Version::V2, Version::V3] {
        let mut world = world(version);
        world.prompt = false;
        fire(&mut world, 0);
        world.enter(0);
        assert_eq!(world.ack(0), Some(TIMER));
        world.cores[0].physical_line = 0;
        world.eoi(0, TIMER);
        assert_eq!(world.cores[0].physical_active, 0);
        // The first one's list register is still to be read when the second comes.
        fire(&mut world, 0);
        world.enter(0);
        assert_eq!(world.cores[0].physical_active, BIT);
        assert_eq!(world.ack(0), Some(TIMER));
    }
}

#[test]
fn each_vcpu_has_its_own() {
    let mut world = world(Version::V3);
    fire(&mut world, 1);
    assert_eq!(world.ack(0), None);
    assert_eq!(world.ack(1), Some(TIMER));
}

#[test]
fn a_line_that_fell_before_the_acknowledge_is_withdrawn_and_the_physical_one_freed() {
    let mut world = world(Version::V3);
    fire(&mut world, 0);
    world.cores[0].physical_line = 0;
    world.enter(0);
    assert_eq!(world.ack(0), None);
    assert_eq!(world.cores[0].physical_active, 0);
}

#[test]
fn leaving_the_core_frees_the_physical_one_and_returning_takes_it_again() {
    let mut world = world(Version::V3);
    fire(&mut world, 0);
    world.cores[0].physical_line = 0;
    world.unload(0);
    assert_eq!(
        world.cores[0].physical_active, 0,
        "the next vCPU's may fire"
    );
    world.cores[0].physical_line = BIT;
    world.load(0);
    assert_eq!(world.cores[0].physical_active, BIT);
    assert_eq!(world.ack(0), Some(TIMER));
    world.unload(0);
    assert_eq!(world.cores[0].physical_active, 0);
    world.load(0);
    assert_eq!(world.cores[0].physical_active, BIT, "its handler runs");
    world.eoi(0, TIMER);
    assert_eq!(world.cores[0].physical_active, 0);
}

#[test]
fn a_line_that_fell_while_the_vcpu_was_away_is_forgotten() {
    let mut world = world(Version::V3);
    fire(&mut world, 0);
    world.unload(0);
    world.cores[0].physical_line = 0;
    world.load(0);
    assert_eq!(world.ack(0), None);
}

#[test]
fn a_timer_that_was_due_while_the_vcpu_was_away_is_delivered() {
    let mut world = world(Version::V3);
    world.unload(0);
    world.level(0, TIMER, true);
    assert!(world.gic.needs_refresh(0));
    world.cores[0].physical_line = BIT;
    world.load(0);
    assert_eq!(world.cores[0].physical_active, BIT);
    assert_eq!(world.ack(0), Some(TIMER));
}

#[test]
fn a_disabled_one_is_seen_pending_exactly_while_its_line_is_asserted() {
    let mut world = world(Version::V3);
    world.write_bit(0, ICENABLER, TIMER);
    fire(&mut world, 0);
    assert!(world.read_bit(0, ISPENDR, TIMER));
    assert_eq!(world.cores[0].physical_active, BIT, "or it would storm");
    world.cores[0].physical_line = 0;
    assert!(!world.read_bit(0, ISPENDR, TIMER));
    world.enter(0);
    assert_eq!(world.cores[0].physical_active, 0);
}

#[test]
fn clearing_it_by_register_frees_the_physical_one() {
    for version in [Version::V2, Version::V3] {
        let mut world = world(version);
        fire(&mut world, 0);
        assert_eq!(world.ack(0), Some(TIMER));
        world.write_bit(0, ICACTIVER, TIMER);
        world.cores[0].physical_line = 0;
        world.enter(0);
        assert_eq!(world.cores[0].physical_active, 0);
    }
}

#[test]
fn a_trapped_deactivation_frees_the_physical_one() {
    let mut world = world(Version::V3);
    world.cores[0].vmcr = OPEN_SPLIT;
    world.enter(0);
    fire(&mut world, 0);
    assert_eq!(world.ack(0), Some(TIMER));
    world.cores[0].physical_line = 0;
    world.eoi(0, TIMER);
    assert_eq!(world.cores[0].physical_active, BIT);
    assert!(world.cores[0].control.trap_dir);
    world.dir(0, TIMER);
    assert_eq!(world.cores[0].physical_active, 0);
}

#[test]
fn a_guest_that_pends_it_by_register_gets_it_once() {
    let mut world = world(Version::V3);
    world.write_bit(0, ISPENDR, TIMER);
    assert_eq!(world.ack(0), Some(TIMER));
    world.eoi(0, TIMER);
    assert_eq!(world.ack(0), None);
    assert_eq!(world.cores[0].physical_active, 0);
}

#[test]
fn it_cannot_be_made_edge_triggered() {
    let mut world = world(Version::V3);
    world.set_edge(0, TIMER, true);
    fire(&mut world, 0);
    assert_eq!(world.ack(0), Some(TIMER));
}

#[test]
fn it_ends_correctly_when_it_had_to_leave_its_list_register() {
    for version in [Version::V2, Version::V3] {
        let mut world = World::new(version, 1, 1);
        assert!(world.gic.link(TIMER, TIMER));
        world.write_bit(0, ISENABLER, TIMER);
        world.write_bit(0, ISENABLER, 40);
        world.route(0, 40, 0);
        world.set_priority(0, TIMER, 0x80);
        world.set_priority(0, 40, 0x40);
        fire(&mut world, 0);
        assert_eq!(world.ack(0), Some(TIMER));
        world.cores[0].physical_line = 0;
        world.edge(0, 40);
        assert_eq!(world.ack(0), Some(40));
        world.eoi(0, 40);
        world.eoi(0, TIMER);
        assert_eq!(world.cores[0].physical_active, 0);
        assert!(!world.read_bit(0, ISACTIVER, TIMER));
    }
}

#[test]
fn only_private_peripheral_interrupts_can_be_linked() {
    let mut world = World::v3(1);
    assert!(!world.gic.link(15, 27));
    assert!(!world.gic.link(32, 27));
    assert!(!world.gic.link(27, 32));
    assert!(!world.gic.link(27, 8));
    let kick = world.gic.linked_fired(0, 27);
    assert!(kick.is_empty(), "there is no link");
    assert!(
        world.cores[0]
            .lrs
            .iter()
            .all(|lr| lr.state == LrState::Invalid)
    );
}
