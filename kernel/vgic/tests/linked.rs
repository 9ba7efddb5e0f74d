//! Virtual interrupts that end a physical one: the timer's PPI.

mod common;

use common::*;
use proptest::prelude::*;
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
    if !world.gic.linked_again(v, TIMER, &mut world.cores[v]) {
        let kick = world.gic.linked_fired(v, TIMER);
        world.note(kick);
    }
}

#[test]
fn the_short_way_is_for_a_timer_whose_last_interrupt_was_ended_and_nothing_else() {
    for version in [Version::V2, Version::V3] {
        let mut world = world(version);
        let again = |world: &mut World| world.gic.linked_again(0, TIMER, &mut world.cores[0]);
        assert!(!again(&mut world), "never listed");
        fire(&mut world, 0);
        world.enter(0);
        assert!(!again(&mut world), "pending still");
        assert_eq!(world.ack(0), Some(TIMER));
        assert!(!again(&mut world), "active still");
        world.cores[0].physical_line = 0;
        world.prompt = false;
        world.eoi(0, TIMER);
        world.cores[0].physical_line = BIT;
        world.cores[0].physical_active = BIT;
        assert!(again(&mut world));
        assert_eq!(world.ack(0), Some(TIMER));
        world.eoi(0, TIMER);
        world.write_bit(0, ICENABLER, TIMER);
        assert!(!again(&mut world), "disabled since");
    }
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
fn seeing_by_register_that_its_line_fell_frees_the_physical_one_before_the_guest_goes_on() {
    let mut world = world(Version::V3);
    world.write_bit(0, ICENABLER, TIMER);
    fire(&mut world, 0);
    world.cores[0].physical_line = 0;
    assert!(!world.read_bit(0, ISPENDR, TIMER));
    assert_eq!(
        world.cores[0].physical_active, 0,
        "or it could not fire again"
    );
}

#[test]
fn what_a_guest_pends_and_clears_while_disabled_leaves_nothing_active() {
    let mut world = world(Version::V3);
    world.write_bit(0, ICENABLER, TIMER);
    world.write_bit(0, ISPENDR, TIMER);
    world.write_bit(0, ICPENDR, TIMER);
    assert!(!world.read_bit(0, ISPENDR, TIMER));
    world.cores[0].physical_line = BIT;
    assert_eq!(world.cores[0].physical_active, 0);
    world.write_bit(0, ISPENDR, TIMER);
    assert_eq!(world.cores[0].physical_active, BIT);
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

/// What happens to a vCPU with a timer, two devices, and cores that look when they like.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The timer's condition is met; the physical interrupt fires if it can.
    Due,
    /// The guest stops its timer without taking the interrupt.
    Stop,
    Device(u32),
    Ack,
    Eoi,
    Enter,
    Away,
    Enable(bool),
    Poll,
}

/// The physical interrupt fires if its line is asserted and it is not active.
fn physical(world: &mut World) {
    if world.cores[0].physical_line & !world.cores[0].physical_active & BIT != 0 {
        fire(world, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_timer_interrupt_is_lost_and_the_physical_one_never_sticks(
        v3: bool,
        lrs in 1..4usize,
        events in prop::collection::vec(
            prop_oneof![
                4 => Just(Event::Due),
                1 => Just(Event::Stop),
                2 => (40..43u32).prop_map(Event::Device),
                4 => Just(Event::Ack),
                4 => Just(Event::Eoi),
                3 => Just(Event::Enter),
                1 => Just(Event::Away),
                1 => any::<bool>().prop_map(Event::Enable),
                1 => Just(Event::Poll),
            ],
            1..100,
        ),
    ) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        let mut world = World::new(version, 1, lrs);
        prop_assert!(world.gic.link(TIMER, TIMER));
        world.set_priority(0, TIMER, 0x80);
        for intid in 40..43 {
            world.set_priority(0, intid, 0x20 * (intid as u8 - 38));
            world.set_edge(0, intid, true);
            world.write_bit(0, ISENABLER, intid);
        }
        world.write_bit(0, ISENABLER, TIMER);
        world.prompt = false;
        let mut stack = Vec::new();
        for event in events {
            match event {
                Event::Due => world.cores[0].physical_line = BIT,
                Event::Stop => world.cores[0].physical_line = 0,
                Event::Device(intid) => world.edge(0, intid),
                Event::Ack => {
                    if let Some(intid) = world.ack(0) {
                        stack.push(intid);
                        if intid == TIMER {
                            world.cores[0].physical_line = 0;
                        }
                    }
                }
                Event::Eoi => {
                    if let Some(intid) = stack.pop() {
                        world.eoi(0, intid);
                    }
                }
                Event::Enter => world.enter(0),
                Event::Away => {
                    let line = core::mem::take(&mut world.cores[0].physical_line);
                    world.unload(0);
                    prop_assert_eq!(world.cores[0].physical_active, 0);
                    world.cores[0].physical_line = line;
                    world.load(0);
                }
                Event::Enable(on) => {
                    world.write_bit(0, if on { ISENABLER } else { ICENABLER }, TIMER);
                }
                Event::Poll => {
                    let active = stack.contains(&TIMER);
                    let line = world.cores[0].physical_line != 0;
                    prop_assert_eq!(world.read_bit(0, ISACTIVER, TIMER), active);
                    physical(&mut world);
                    if !active {
                        prop_assert_eq!(world.read_bit(0, ISPENDR, TIMER), line);
                    }
                }
            }
            physical(&mut world);
        }
        world.prompt = true;
        world.write_bit(0, ISENABLER, TIMER);
        // A timer that was stopped after its interrupt was listed may still be taken, until cores look.
        world.enter(0);
        while let Some(intid) = stack.pop() {
            world.eoi(0, intid);
        }
        physical(&mut world);
        let mut due = world.cores[0].physical_line != 0;
        while let Some(intid) = world.ack(0) {
            prop_assert!(intid != TIMER || due, "nothing was due");
            due &= intid != TIMER;
            world.cores[0].physical_line &= if intid == TIMER { 0 } else { BIT };
            world.eoi(0, intid);
            physical(&mut world);
        }
        prop_assert!(!due, "the timer's interrupt is lost");
        world.enter(0);
        prop_assert_eq!(world.cores[0].physical_active, 0);
    }
}
