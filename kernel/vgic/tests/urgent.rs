//! More interrupts than list registers: which are listed, and where shared ones go, against the plainest way to say it.

mod common;

use common::*;
use proptest::prelude::*;
use vgic::{Config, Kick, LrState, Version, Vgic, Vmcr, Width};

const SPIS: u32 = 64;
const ALL: usize = 32 + SPIS as usize;

/// One interrupt, as a guest sets it up.
#[derive(Clone, Debug)]
struct Setting {
    enabled: bool,
    group1: bool,
    pending: bool,
    active: bool,
    priority: u8,
}

fn setting() -> impl Strategy<Value = Setting> {
    // Most are pending and enabled, priorities meet often, few are active.
    (0..8u8, any::<bool>(), 0..8u8, 0..10u8, 0..6u8).prop_map(|(e, group1, p, a, priority)| {
        Setting {
            enabled: e != 0,
            group1,
            pending: p != 0,
            active: a == 0,
            priority: (priority * 0x28) | 5,
        }
    })
}

/// What the guest wrote, in an interrupt controller whose only vCPU is on no core yet.
fn controller(version: Version, settings: &[Setting], groups: u8, bytes: bool) -> Vgic<2> {
    let mut gic = Vgic::<2>::new();
    let config = Config {
        version,
        vcpus: 1,
        spis: SPIS,
    };
    gic.configure(&config).expect("a valid configuration");
    let _ = gic.cpu_on(0);
    let mut nowhere = Core::new(0);
    let hw = &mut nowhere;
    let mut write = |word: usize, offset: u64, width, value: u32| {
        let _ = if word == 0 && version == Version::V3 {
            gic.gicr_write(0, 0x1_0000 + offset, width, value.into(), hw)
        } else {
            gic.gicd_write(0, offset, width, value.into(), hw)
        };
    };
    for (word, settings) in settings.chunks(32).enumerate() {
        let mask = |of: fn(&Setting) -> bool| {
            let each = settings.iter().enumerate();
            each.fold(0, |mask, (n, setting)| mask | u32::from(of(setting)) << n)
        };
        let at = |base| base + 4 * word as u64;
        write(word, at(0x80), Width::Word, mask(|s| s.group1));
        write(word, at(ICENABLER), Width::Word, u32::MAX);
        write(word, at(ISENABLER), Width::Word, mask(|s| s.enabled));
        write(word, at(ISPENDR), Width::Word, mask(|s| s.pending));
        write(word, at(ISACTIVER), Width::Word, mask(|s| s.active));
        for (n, four) in settings.chunks(4).enumerate() {
            let offset = IPRIORITYR + 32 * word as u64 + 4 * n as u64;
            let four = [0, 1, 2, 3].map(|n: usize| four[n].priority);
            if bytes {
                for (n, priority) in (0..).zip(four) {
                    write(word, offset + n, Width::Byte, priority.into());
                }
            } else {
                write(word, offset, Width::Word, u32::from_le_bytes(four));
            }
        }
    }
    let _ = gic.gicd_write(0, 0, Width::Word, groups.into(), &mut Core::new(0));
    gic
}

/// The INTIDs that belong into `lrs` list registers.
fn expected(v3: bool, settings: &[Setting], groups: u8, vmcr: Vmcr, lrs: usize) -> Vec<u32> {
    // GICv2's SGIs are always enabled, and pending only when one has been sent.
    let sgi = |intid: usize| intid < 16 && !v3;
    let mut keys: Vec<_> = settings
        .iter()
        .enumerate()
        .filter_map(|(intid, s)| {
            let forwarded = groups & if s.group1 { 2 } else { 1 } != 0;
            let ready = s.pending && !sgi(intid) && s.enabled && forwarded;
            let signalled = if s.group1 {
                vmcr.group1()
            } else {
                vmcr.group0()
            };
            let held_back = !s.active && !signalled;
            (s.active || ready).then_some((held_back, s.priority & 0xf8, !s.active, intid as u32))
        })
        .collect();
    keys.sort_unstable();
    let pending = keys.iter().filter(|key| key.2).min().copied();
    let fits = keys.len() <= lrs;
    keys.truncate(lrs);
    if !fits
        && let Some(pending) = pending
        && !keys.contains(&pending)
    {
        *keys.last_mut().expect("there is a list register") = pending;
    }
    let mut listed: Vec<u32> = keys.into_iter().map(|key| key.3).collect();
    listed.sort_unstable();
    listed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_most_urgent_of_any_number_are_listed(
        v3: bool,
        bytes: bool,
        settings in prop::collection::vec(setting(), ALL),
        // How many play: from few, which fit, to all.
        some in 0..=ALL,
        groups in 0..4u8,
        lrs in 1..=16usize,
        open in 0..4u32,
    ) {
        let settings: Vec<Setting> = settings
            .into_iter()
            .enumerate()
            .map(|(n, s)| if n * 7 % ALL < some { s } else {
                Setting { pending: false, active: false, ..s }
            })
            .collect();
        let version = if v3 { Version::V3 } else { Version::V2 };
        let mut gic = controller(version, &settings, groups, bytes);
        // Its CPU interface, as it was when it left its last core.
        let vmcr = Vmcr(0xf800_0000 | open);
        let mut core = Core::new(lrs);
        let _ = gic.load(0, &mut core);
        core.vmcr = vmcr;
        let _ = gic.unload(0, &mut core);
        let _ = gic.load(0, &mut core);
        let listed = core.lrs.iter().filter(|lr| lr.state != LrState::Invalid);
        let mut listed: Vec<u32> = listed.map(|lr| lr.intid).collect();
        listed.sort_unstable();
        prop_assert_eq!(listed, expected(v3, &settings, groups, vmcr, lrs));
        for lr in core.lrs.iter().filter(|lr| lr.state != LrState::Invalid) {
            prop_assert_eq!(lr.priority, settings[lr.intid as usize].priority & 0xf8);
        }
        let signalled = |s: &Setting| if s.group1 { vmcr.group1() } else { vmcr.group0() };
        let mut all = settings.iter().enumerate();
        let deliverable = all.any(|(n, s)| {
            s.pending && s.enabled && !s.active && signalled(s) && (v3 || n >= 16)
                && groups & if s.group1 { 2 } else { 1 } != 0
        });
        let _ = gic.sync(0, &mut core);
        prop_assert_eq!(gic.has_deliverable(0), deliverable);
    }

    /// Routes, written while cores come and go: an interrupt is listed by the lowest vCPU that is on, or waits for the
    /// lowest.
    #[test]
    fn shared_interrupts_go_where_their_route_leads_now(
        v3: bool,
        vcpus in 1..=8usize,
        steps in prop::collection::vec((0..4u8, 0..8usize, 0..64u32, any::<u32>()), 1..80),
    ) {
        let version = if v3 { Version::V3 } else { Version::V2 };
        let mut gic = Vgic::<2>::new();
        let config = Config { version, vcpus, spis: SPIS };
        gic.configure(&config).expect("a valid configuration");
        let mut cores: Vec<Core> = (0..vcpus).map(|_| Core::new(16)).collect();
        let kick = gic.cpu_on(0);
        prop_assert_eq!(kick, Kick::NONE);
        let mut online = 1u8;
        let mut routes = [0u32; SPIS as usize];
        let everyone = u8::MAX >> (8 - vcpus);
        let _ = gic.gicd_write(0, 0, Width::Word, 3, &mut cores[0]);
        for word in 0..2 {
            let _ = gic.gicd_write(0, ISENABLER + 4 + 4 * word, Width::Word, u32::MAX.into(), &mut cores[0]);
        }
        for (what, vcpu, spi, value) in steps {
            let vcpu = vcpu % vcpus;
            match what {
                0 => {
                    let _ = gic.cpu_on(vcpu);
                    online |= 1 << vcpu;
                }
                1 => {
                    let _ = gic.cpu_off(vcpu);
                    online &= !(1 << vcpu);
                }
                _ => {
                    // Mostly one that exists, sometimes any, sometimes none of them.
                    let route = match value >> 28 {
                        0..6 => value & 7,
                        6..12 => 1 << 31 | value & 3,
                        _ => value & 0x00ff_00ff,
                    };
                    let _ = if v3 {
                        let offset = 0x6100 + 8 * u64::from(spi);
                        gic.gicd_write(0, offset, Width::Double, route.into(), &mut cores[0])
                    } else {
                        let offset = ITARGETSR + 32 + u64::from(spi);
                        gic.gicd_write(0, offset, Width::Byte, (route as u8).into(), &mut cores[0])
                    };
                    routes[spi as usize] = if v3 { route } else { route & 0xff };
                }
            }
            // One of them fires: whoever is told, and whoever lists it on a core, is the one.
            let named = match (v3, routes[spi as usize]) {
                (false, _) if vcpus == 1 => 1,
                (false, route) => route as u8 & everyone,
                (true, route) if route >> 31 != 0 => everyone,
                (true, route) if route < 8 => (1u8 << route) & everyone,
                (true, _) => 0,
            };
            let on = named & online;
            let choice = if on != 0 { on } else { named };
            let target = (choice != 0).then(|| choice.trailing_zeros() as usize);
            let kick = gic.inject_edge(0, 32 + spi);
            let told = target.filter(|target| online & 1 << target != 0);
            prop_assert_eq!(kick, told.map_or(Kick::NONE, |target| Kick::from_bits(1 << target)));
            for (vcpu, core) in cores.iter_mut().enumerate() {
                let _ = gic.load(vcpu, core);
                let listed = core.lrs.iter().any(|lr| lr.state != LrState::Invalid);
                prop_assert_eq!(listed, target == Some(vcpu));
                let _ = gic.unload(vcpu, core);
            }
            // Taken back.
            let offset = ICPENDR + 4 + 4 * u64::from(spi / 32);
            let _ = gic.gicd_write(0, offset, Width::Word, u64::from(1u32 << (spi % 32)), &mut cores[0]);
        }
    }
}
