//! What earliest deadline first promises on its own: budgets by their deadlines, no more than the budget, admission.

mod machine;

use machine::{Machine, Order};
use proptest::prelude::*;
use sched::{Admission, Config, Edf, Error, Params, Policy, Share, VcpuId};

const SLICE: u64 = 10_000;

fn machine(cores: usize, params: Vec<Params>) -> Machine<Edf<4, 8>> {
    let mut scheduler = Edf::default();
    scheduler.configure(&Config::sliced(SLICE)).unwrap();
    Machine::new(scheduler, 4, params)
        .ordered(Order::Strict)
        .with_online(cores)
}

/// Servers that fit on one core.
fn servers() -> impl Strategy<Value = Vec<Params>> {
    let one = (100u64..20_000).prop_flat_map(|period| (1..=period, Just(period)));
    prop::collection::vec(one, 1..7).prop_map(|servers| {
        let mut core = Admission::<1>::new(1);
        servers
            .into_iter()
            .filter(|(budget, period)| core.admit(1, Share::of(*budget, *period)).is_ok())
            .map(|(budget, period)| Params::shared(1, 256).served(budget, period))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_admitted_server_has_its_budget_by_each_deadline(
        mut params in servers(),
        slack in 0usize..2,
        periods in 1u64..30,
    ) {
        let served = params.len();
        params.extend(vec![Params::shared(1, 256); slack]);
        let mut machine = machine(1, params.clone());
        let from = machine.now;
        machine.start_all();
        let mut deadlines: Vec<_> = params[..served]
            .iter()
            .enumerate()
            .flat_map(|(id, params)| (1..=periods).map(move |n| (n * params.period, id, n * params.budget)))
            .collect();
        deadlines.sort_unstable();
        for (at, id, due) in deadlines {
            machine.run_for(from + at - machine.now);
            prop_assert_eq!(machine.ran[id], due, "server {} at {}", id, at);
        }
    }

    #[test]
    fn no_server_runs_more_than_its_budget_allows_whatever_it_does(
        (budget, period) in (100u64..5000).prop_flat_map(|period| (1..=period, Just(period))),
        naps in prop::collection::vec((1u64..8000, 0u64..8000), 1..200),
    ) {
        let mut machine = machine(1, vec![Params::shared(1, 256).served(budget, period), Params::shared(1, 256)]);
        machine.start_all();
        let mut history = vec![(machine.now, 0)];
        for (awake, asleep) in naps {
            machine.run_for(awake);
            if machine.cores[0].running == Some(VcpuId(0)) {
                machine.wait_for_event(0);
                machine.settle();
            }
            machine.run_for(asleep);
            machine.post(0);
            machine.event[0] = false;
            machine.settle();
            history.push((machine.now, machine.ran[0]));
        }
        for (index, (from, before)) in history.iter().enumerate() {
            for (to, after) in &history[index..] {
                let bound = (to - from) as f64 / period as f64 + 2.0;
                let got = (after - before) as f64 / budget as f64;
                prop_assert!(got <= bound + 1e-9, "{got} budgets in {} of {period}", to - from);
            }
        }
    }

    #[test]
    fn a_server_that_overruns_pays_for_it_later(overrun in 1u64..3000) {
        let mut machine = machine(1, vec![Params::shared(1, 256).served(400, 1000)]);
        machine.start_all();
        // EL2 is busy on its behalf with interrupts masked: nobody looks at the deadline.
        machine.now += 400 + overrun;
        machine.settle();
        let ran = 400 + overrun;
        machine.run_for(20_000 - ran);
        prop_assert!(machine.ran[0] + ran <= 20 * 400 + 400, "{}", machine.ran[0] + ran);
    }
}

#[test]
fn a_server_without_budget_leaves_the_core_to_those_without_servers_until_its_deadline() {
    let params = Params::shared(1, 256);
    let mut machine = machine(
        1,
        vec![params.served(300, 1000), params, params.in_background()],
    );
    let from = machine.now;
    machine.start_all();
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
    machine.run_for(300);
    assert_eq!(machine.cores[0].running, Some(VcpuId(1)));
    assert_eq!(
        machine.policy.held_back(VcpuId(0), 0, machine.now),
        Some(from + 1000)
    );
    machine.run_for(700);
    assert_eq!(machine.cores[0].running, Some(VcpuId(0)));
    machine.run_for(100_000);
    assert_eq!(machine.ran[2], 0, "the background waits for the others");
}

#[test]
fn what_does_not_fit_is_refused_and_the_rest_is_spread() {
    let mut scheduler = Edf::<2, 4>::default();
    let params = |affinity, budget, period| Params::shared(affinity, 256).served(budget, period);
    assert_eq!(scheduler.add(VcpuId(0), params(0b11, 6, 10)), Ok(()));
    assert_eq!(scheduler.add(VcpuId(1), params(0b11, 6, 10)), Ok(()));
    assert_eq!(scheduler.home(VcpuId(0)), Some((0, true)));
    assert_eq!(scheduler.home(VcpuId(1)), Some((1, true)));
    assert_eq!(
        scheduler.add(VcpuId(2), params(0b11, 5, 10)),
        Err(Error::NoRoom)
    );
    assert_eq!(scheduler.add(VcpuId(2), params(0b10, 4, 10)), Ok(()));
    assert_eq!(
        scheduler.add(VcpuId(3), params(0b10, 1, 1_000_000)),
        Err(Error::NoRoom)
    );
    for (budget, period) in [(0, 10), (10, 0), (11, 10)] {
        assert_eq!(
            scheduler.add(VcpuId(3), params(1, budget, period)),
            Err(Error::BadServer)
        );
    }
}

#[test]
fn shares_that_make_a_whole_fit_and_one_tick_more_does_not() {
    for parts in [2, 3, 5, 7, 10, 60] {
        let mut core = Admission::<1>::new(1);
        for _ in 0..parts {
            assert_eq!(
                core.admit(1, Share::of(1_000_000, parts * 1_000_000)),
                Ok(0)
            );
        }
        let overload = core.admit(1, Share::of(1, 1_000_000_000)).unwrap_err();
        assert_eq!((overload.cpu, overload.free.permille()), (0, 0));
    }
    assert!(Share::of(1, 0) > Share::WHOLE);
    assert_eq!(Share::of(1, 4).permille(), 250);
}
