//! Random guests against a model of the specification.
//!
//! Two games. In the *prompt* one every kick is acted on at once, and after each step every core must
//! signal exactly what a plain model of the distributor says is most urgent. In the *lazy* one kicks are
//! acted on whenever chance has it, as on real cores; nothing may be lost, listed twice, or made up.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vgic::{Version, Vmcr};

const VCPUS: usize = 3;

/// Interrupts that play: SGIs, PPIs, SPIs of both words.
const INTIDS: [u32; 9] = [1, 5, 20, 27, 32, 33, 40, 63, 90];

/// One event; numbers are reduced to what exists.
#[derive(Clone, Debug)]
enum Event {
    Level(usize, usize, bool),
    Edge(usize, usize),
    Enable(usize, usize, bool),
    Priority(usize, usize, u8),
    Group(usize, usize, bool),
    Trigger(usize, usize, bool),
    Pend(usize, usize, bool),
    Route(usize, usize, usize),
    Groups(usize, u8),
    Interface(usize, u8, bool, bool),
    Sgi(usize, u8, usize),
    Ack(usize),
    Eoi(usize),
    Away(usize),
    Enter(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let v = 0..VCPUS;
    let i = 0..INTIDS.len();
    prop_oneof![
        4 => (v.clone(), i.clone(), any::<bool>()).prop_map(|(v, i, on)| Event::Level(v, i, on)),
        4 => (v.clone(), i.clone()).prop_map(|(v, i)| Event::Edge(v, i)),
        2 => (v.clone(), i.clone(), any::<bool>()).prop_map(|(v, i, on)| Event::Enable(v, i, on)),
        2 => (v.clone(), i.clone(), any::<u8>()).prop_map(|(v, i, p)| Event::Priority(v, i, p)),
        1 => (v.clone(), i.clone(), any::<bool>()).prop_map(|(v, i, on)| Event::Group(v, i, on)),
        1 => (v.clone(), i.clone(), any::<bool>()).prop_map(|(v, i, on)| Event::Trigger(v, i, on)),
        2 => (v.clone(), i.clone(), any::<bool>()).prop_map(|(v, i, on)| Event::Pend(v, i, on)),
        2 => (v.clone(), i, v.clone()).prop_map(|(v, i, t)| Event::Route(v, i, t)),
        1 => (v.clone(), 0..8u8).prop_map(|(v, bits)| Event::Groups(v, bits)),
        1 => (v.clone(), any::<u8>(), any::<bool>(), any::<bool>())
            .prop_map(|(v, mask, g0, g1)| Event::Interface(v, mask, g0, g1)),
        4 => (v.clone(), any::<u8>(), 0..2usize).prop_map(|(v, t, i)| Event::Sgi(v, t, i)),
        8 => v.clone().prop_map(Event::Ack),
        6 => v.clone().prop_map(Event::Eoi),
        1 => v.clone().prop_map(Event::Away),
        4 => v.prop_map(Event::Enter),
    ]
}

/// What the specification says about one interrupt.
#[derive(Clone, Debug, Default)]
struct Ghost {
    enabled: bool,
    group1: bool,
    edge: bool,
    line: bool,
    latch: bool,
    /// GICv2 SGIs.
    sources: u8,
    active: Option<usize>,
    priority: u8,
    target: Option<usize>,
}

/// What the specification says about the VM.
struct Model {
    v3: bool,
    groups: u8,
    /// Per vCPU, those below 32; shared ones in the first.
    ghosts: Vec<Vec<Ghost>>,
    /// Per vCPU, what it has acknowledged and not ended, innermost last.
    stacks: Vec<Vec<u32>>,
    interfaces: Vec<Vmcr>,
}

impl Model {
    fn new(version: Version) -> Self {
        let v3 = version == Version::V3;
        let ghosts = (0..VCPUS).map(|v| {
            INTIDS.map(|intid| Ghost {
                enabled: !v3 && intid < 16,
                group1: v3,
                edge: intid < 16,
                target: match intid {
                    0..32 => Some(v),
                    _ if v3 => Some(0),
                    _ => None,
                },
                ..Ghost::default()
            })
        });
        Self {
            v3,
            groups: 3,
            ghosts: ghosts.map(Vec::from).collect(),
            stacks: vec![Vec::new(); VCPUS],
            interfaces: vec![OPEN; VCPUS],
        }
    }

    fn ghost(&mut self, v: usize, i: usize) -> &mut Ghost {
        let v = if INTIDS[i] < 32 { v } else { 0 };
        &mut self.ghosts[v][i]
    }

    fn pending(&self, ghost: &Ghost) -> bool {
        ghost.latch || ghost.sources != 0 || ghost.line && !ghost.edge
    }

    /// What `v` should be offered: (priority, INTID).
    fn offers(&self, v: usize) -> Vec<(u8, u32)> {
        let vmcr = self.interfaces[v];
        let running = self.stacks[v]
            .iter()
            .map(|intid| self.priority(v, *intid))
            .min()
            .unwrap_or(0xff);
        let all = INTIDS.iter().enumerate().map(|(i, intid)| {
            let owner = if *intid < 32 { v } else { 0 };
            (&self.ghosts[owner][i], *intid)
        });
        all.filter(|(g, _)| {
            let forwarded = self.groups & if g.group1 { 2 } else { 1 } != 0;
            let signalled = if g.group1 {
                vmcr.group1()
            } else {
                vmcr.group0()
            };
            self.pending(g)
                && g.enabled
                && g.active.is_none()
                && forwarded
                && signalled
                && g.target == Some(v)
                && g.priority < vmcr.priority_mask()
                && g.priority < running
        })
        .map(|(g, intid)| (g.priority, intid))
        .collect()
    }

    fn priority(&self, v: usize, intid: u32) -> u8 {
        let i = INTIDS.iter().position(|known| *known == intid).unwrap();
        self.ghosts[if intid < 32 { v } else { 0 }][i].priority
    }
}

/// A world and the model of it.
struct Game {
    world: World,
    model: Model,
    /// Edges that were asserted and must be acknowledged: (vCPU if private, INTID).
    owed: BTreeSet<(usize, u32)>,
    /// How often each was made pending beyond what was acknowledged: (vCPU if private, INTID, sender).
    /// Late cores may take two in a row that a prompt one would have merged, never more than were raised.
    credit: BTreeMap<(usize, u32, u8), u32>,
}

impl Game {
    fn new(version: Version, lrs: usize, prompt: bool) -> Self {
        let mut world = World::new(version, VCPUS, lrs);
        world.prompt = prompt;
        Self {
            world,
            model: Model::new(version),
            owed: BTreeSet::new(),
            credit: BTreeMap::new(),
        }
    }

    /// Whether anything runs on a handler that is interrupt `i`; its priority had better stay.
    fn is_active(&mut self, v: usize, i: usize) -> bool {
        self.model.ghost(v, i).active.is_some()
    }

    fn owe(&mut self, v: usize, i: usize) {
        let intid = INTIDS[i];
        self.owed.insert((if intid < 32 { v } else { 0 }, intid));
        self.raise(v, i, 0);
    }

    fn raise(&mut self, v: usize, i: usize, source: u8) {
        let intid = INTIDS[i];
        let key = (if intid < 32 { v } else { 0 }, intid, source);
        *self.credit.entry(key).or_default() += 1;
    }

    fn apply(&mut self, event: &Event) {
        let v3 = self.model.v3;
        match *event {
            Event::Level(v, i, on) if INTIDS[i] >= 16 => {
                self.world.level(v, INTIDS[i], on);
                let ghost = self.model.ghost(v, i);
                let rises = on && !ghost.line && ghost.edge;
                ghost.latch |= rises;
                ghost.line = on;
                if rises {
                    self.owe(v, i);
                } else if on {
                    self.raise(v, i, 0);
                }
            }
            Event::Edge(v, i) if INTIDS[i] >= 16 => {
                self.world.edge(v, INTIDS[i]);
                self.model.ghost(v, i).latch = true;
                self.owe(v, i);
            }
            Event::Enable(v, i, on) if v3 || INTIDS[i] >= 16 => {
                let base = if on { ISENABLER } else { ICENABLER };
                self.world.write_bit(v, base, INTIDS[i]);
                self.model.ghost(v, i).enabled = on;
            }
            Event::Priority(v, i, priority) if !self.is_active(v, i) => {
                self.world.set_priority(v, INTIDS[i], priority);
                self.model.ghost(v, i).priority = priority & 0xf8;
            }
            Event::Group(v, i, on) => {
                let intid = INTIDS[i];
                let word = u64::from(intid / 32) * 4;
                let private = v3 && intid < 32;
                let old = if private {
                    self.world.read_r(v, v, 0x1_0080)
                } else {
                    self.world.read(v, 0x80 + word)
                };
                let mask = 1 << (intid % 32);
                let new = if on { old | mask } else { old & !mask };
                if private {
                    self.world
                        .write_r(v, v, 0x1_0080, vgic::Width::Word, new.into());
                } else {
                    self.world.write(v, 0x80 + word, new);
                }
                self.model.ghost(v, i).group1 = on;
            }
            Event::Trigger(v, i, edge) if INTIDS[i] >= 16 => {
                self.world.set_edge(v, INTIDS[i], edge);
                self.model.ghost(v, i).edge = edge;
            }
            Event::Pend(v, i, on) if v3 || INTIDS[i] >= 16 => {
                let base = if on { ISPENDR } else { ICPENDR };
                self.world.write_bit(v, base, INTIDS[i]);
                self.model.ghost(v, i).latch = on;
                if on {
                    self.owe(v, i);
                } else {
                    let intid = INTIDS[i];
                    self.owed.remove(&(if intid < 32 { v } else { 0 }, intid));
                }
            }
            Event::Route(v, i, target) if INTIDS[i] >= 32 => {
                self.world.route(v, INTIDS[i], target);
                self.model.ghost(v, i).target = Some(target);
            }
            Event::Groups(v, bits) => {
                self.world.write(v, 0, bits.into());
                self.model.groups = bits & 3;
            }
            Event::Interface(v, mask, g0, g1) => {
                let raw = u32::from(mask & 0xf8) << 24 | u32::from(g0) | u32::from(g1) << 1;
                self.world.cores[v].vmcr = Vmcr(raw);
                self.model.interfaces[v] = Vmcr(raw);
                self.world.note(vgic::Kick::NONE);
            }
            Event::Sgi(v, targets, i) => {
                let targets = targets & 7;
                self.world.sgi(v, targets, INTIDS[i]);
                for t in (0..VCPUS).filter(|t| targets & 1 << t != 0) {
                    let ghost = self.model.ghost(t, i);
                    if v3 {
                        ghost.latch = true;
                    } else {
                        ghost.sources |= 1 << v;
                        self.raise(t, i, v as u8);
                    }
                    self.owe(t, i);
                }
            }
            Event::Ack(v) => {
                self.ack(v);
            }
            Event::Eoi(v) => {
                if let Some(intid) = self.model.stacks[v].pop() {
                    let i = INTIDS.iter().position(|known| *known == intid).unwrap();
                    self.model.ghost(v, i).active = None;
                    self.world.eoi(v, intid);
                }
            }
            Event::Away(v) => {
                self.world.unload(v);
                self.world.load(v);
            }
            Event::Enter(v)
                if self.world.flags & 1 << v != 0 || self.world.cores[v].maintenance() =>
            {
                self.world.enter(v);
            }
            _ => {}
        }
        self.world.check_unique();
    }

    /// The guest of `v` acknowledges; the model follows.
    fn ack(&mut self, v: usize) -> Option<u32> {
        let (intid, source) = self.world.ack_source(v)?;
        let i = INTIDS
            .iter()
            .position(|known| *known == intid)
            .expect("one that plays");
        self.model.stacks[v].push(intid);
        let key = (if intid < 32 { v } else { 0 }, intid, source);
        let credit = self.credit.entry(key).or_default();
        let v3 = self.model.v3;
        let ghost = self.model.ghost(v, i);
        assert!(
            ghost.line || *credit > 0,
            "{intid} from {source} is made up"
        );
        *credit = credit.saturating_sub(u32::from(!ghost.line));
        assert!(ghost.active.is_none(), "{intid} is active already");
        ghost.active = Some(v);
        ghost.latch = false;
        if !v3 && intid < 16 {
            ghost.sources &= !(1 << source);
        }
        if ghost.sources == 0 {
            self.owed.remove(&(if intid < 32 { v } else { 0 }, intid));
        }
        Some(intid)
    }

    /// Every core signals what the model says is most urgent.
    fn check(&self) {
        for v in 0..VCPUS {
            let offers = self.model.offers(v);
            let best = offers.iter().map(|(priority, _)| *priority).min();
            let core = &self.world.cores[v];
            let signalled = core.signalled().map(|n| core.lrs[n]);
            assert_eq!(
                signalled.map(|lr| lr.priority),
                best,
                "vCPU {v} signals {signalled:?} of {offers:?}"
            );
            if let Some(lr) = signalled {
                assert!(
                    offers.contains(&(lr.priority, lr.intid)),
                    "{lr:?} of {offers:?}"
                );
            }
        }
    }

    /// Opens every gate and lets all guests handle what comes until there is nothing more.
    fn drain(&mut self) {
        self.world.prompt = true;
        self.world.settle();
        for v in 0..VCPUS {
            while let Some(intid) = self.model.stacks[v].pop() {
                let i = INTIDS.iter().position(|known| *known == intid).unwrap();
                self.model.ghost(v, i).active = None;
                self.world.eoi(v, intid);
            }
            self.apply(&Event::Interface(v, 0xff, true, true));
            for (i, intid) in INTIDS.iter().enumerate() {
                self.apply(&Event::Level(v, i, false));
                self.apply(&Event::Enable(v, i, true));
                self.apply(&Event::Priority(v, i, 0xa0));
                if *intid >= 32 {
                    self.apply(&Event::Route(v, i, 1));
                }
            }
        }
        self.apply(&Event::Groups(0, 3));
        for round in 0.. {
            assert!(round < 100, "interrupts without end");
            let taken = (0..VCPUS).filter(|v| {
                let intid = self.ack(*v);
                self.apply(&Event::Eoi(*v));
                intid.is_some()
            });
            if taken.count() == 0 {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_core_signals_what_the_specification_says(
        v3: bool,
        lrs in 1..6usize,
        events in prop::collection::vec(event(), 1..120),
    ) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        let mut game = Game::new(version, lrs, true);
        for event in &events {
            game.apply(event);
            game.check();
        }
        // A core shows others what its guest has done since when it next looks.
        (0..VCPUS).for_each(|v| game.world.look(v));
        for v in 0..VCPUS {
            for (i, intid) in INTIDS.iter().enumerate() {
                let ghost = game.model.ghost(v, i).clone();
                prop_assert_eq!(game.world.read_bit(v, ISPENDR, *intid), game.model.pending(&ghost));
                prop_assert_eq!(game.world.read_bit(v, ISACTIVER, *intid), ghost.active.is_some());
                prop_assert_eq!(game.world.read_bit(v, ISENABLER, *intid), ghost.enabled);
            }
        }
        game.drain();
        prop_assert!(game.owed.is_empty(), "lost: {:?}", game.owed);
    }

    #[test]
    fn nothing_is_lost_however_late_the_cores_look(
        v3: bool,
        lrs in 1..6usize,
        events in prop::collection::vec(event(), 1..160),
    ) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        let mut game = Game::new(version, lrs, false);
        for event in &events {
            match event {
                // Their lateness is allowed to show: the other core may have taken the interrupt already,
                // or still take it.
                Event::Pend(_, _, false) | Event::Trigger(..) => {}
                // A line may be taken once more after it fell.
                _ => game.apply(event),
            }
        }
        game.drain();
        prop_assert!(game.owed.is_empty(), "lost: {:?}", game.owed);
        (0..VCPUS).for_each(|v| game.world.look(v));
        for v in 0..VCPUS {
            for base in [ISPENDR, ISACTIVER] {
                prop_assert_eq!(game.world.read(v, base), 0);
                prop_assert_eq!(game.world.read(v, base + 4), 0);
                prop_assert_eq!(game.world.read(v, base + 8), 0);
            }
        }
    }
}
