//! Random operations against the simplest model there is: a map from page to where it leads.

mod fakes;

use std::collections::BTreeMap;

use fakes::Fake;
use proptest::prelude::*;
use stage2::{Attributes, Error, Geometry, Stage2, TableMemory};

const PAGE: u64 = 4096;

#[derive(Clone, Debug)]
enum Step {
    Map(u64, u64, u64, Attributes),
    Unmap(u64, u64),
    Protect(u64, u64, Attributes),
}

/// Pages near the boundaries of blocks, where things go wrong.
fn page() -> impl Strategy<Value = u64> {
    let around = |at: u64| (0u64..6).prop_map(move |offset| (at + offset).saturating_sub(3));
    prop_oneof![
        around(0),
        around(512),
        around(1024),
        around(512 * 512 - 512),
        around(512 * 512)
    ]
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1u64..8, 2 => 505u64..520, 1 => Just(1024u64), 1 => Just(0u64)]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::sample::select(vec![
        Attributes::RAM,
        Attributes::DATA,
        Attributes::ROM,
        Attributes::READ_ONLY,
        Attributes::DEVICE,
    ])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (page(), page(), length(), attributes()).prop_map(|(ipa, pa, n, a)| Step::Map(ipa, pa, n, a)),
        2 => (page(), length()).prop_map(|(ipa, n)| Step::Unmap(ipa, n)),
        2 => (page(), length(), attributes()).prop_map(|(ipa, n, a)| Step::Protect(ipa, n, a)),
    ]
}

type Model = BTreeMap<u64, (u64, Attributes)>;

/// What the operation should answer, apart from `NoMemory`, and what the model is afterwards.
fn expect(model: &Model, step: &Step) -> Result<Model, Error> {
    let mut after = model.clone();
    let (ipa, n) = match step {
        Step::Map(ipa, _, n, _) | Step::Unmap(ipa, n) | Step::Protect(ipa, n, _) => (*ipa, *n),
    };
    if n == 0 {
        return Err(Error::Empty);
    }
    for page in ipa..ipa + n {
        match step {
            Step::Map(_, pa, _, attributes) => {
                if after.insert(page, (pa + page - ipa, *attributes)).is_some() {
                    return Err(Error::Overlap { ipa: page * PAGE });
                }
            }
            Step::Unmap(..) => {
                after
                    .remove(&page)
                    .ok_or(Error::NotMapped { ipa: page * PAGE })?;
            }
            Step::Protect(_, _, attributes) => {
                after
                    .get_mut(&page)
                    .ok_or(Error::NotMapped { ipa: page * PAGE })?
                    .1 = *attributes;
            }
        }
    }
    Ok(after)
}

fn apply(space: &mut Stage2, fake: &Fake, step: &Step) -> Result<(), Error> {
    let (memory, tlb) = (&mut fake.clone(), &mut fake.clone());
    match step {
        Step::Map(ipa, pa, n, a) => space.map(memory, tlb, ipa * PAGE, pa * PAGE, n * PAGE, *a),
        Step::Unmap(ipa, n) => space.unmap(memory, tlb, ipa * PAGE, n * PAGE),
        Step::Protect(ipa, n, a) => space.protect(memory, tlb, ipa * PAGE, n * PAGE, *a),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn tables_and_model_agree_and_no_page_is_lost(
        steps in prop::collection::vec(step(), 1..60),
        spare in 0u32..12,
        bits in prop::sample::select(vec![32u32, 40, 44]),
    ) {
        let fake = Fake::new(2 + spare);
        let geometry = Geometry::new(bits, 5, false).unwrap();
        let mut space = Stage2::new(geometry, 7, &mut fake.clone()).unwrap();
        let roots = fake.used();
        fake.watch(&space);
        let mut model = Model::new();
        for step in steps {
            let used = fake.used();
            let result = apply(&mut space, &fake, &step);
            fake.check_quiet();
            prop_assert_eq!(space.pages(), fake.used());
            match (result, expect(&model, &step)) {
                (Ok(()), Ok(after)) => model = after,
                // Out of tables: as if it had never been asked for.
                (Err(Error::NoMemory), Ok(_)) => prop_assert_eq!(fake.used(), used),
                (result, expected) => prop_assert_eq!(result, expected.map(|_| ())),
            }
            let near = |page: &u64| page % 512 < 24 || page % 512 > 488;
            for page in (0..2100).chain(512 * 512 - 600..512 * 512 + 1100).filter(near) {
                let found = space.translate(&fake, page * PAGE + 5);
                let without_lock = stage2::walk_unlocked(
                    &space.geometry(),
                    space.vttbr(),
                    page * PAGE + 5,
                    |table, index| fake.read(table, index),
                );
                prop_assert_eq!(without_lock, found);
                let found = found.map(|found| (found.pa - 5, found.attributes));
                let expected = model.get(&page).map(|(pa, attributes)| (pa * PAGE, *attributes));
                prop_assert_eq!(found, expected, "page {:#x}", page);
            }
        }
        for page in model.into_keys() {
            let one = Step::Unmap(page, 1);
            if apply(&mut space, &fake, &one) == Err(Error::NoMemory) {
                fake.set_limit(100);
                apply(&mut space, &fake, &one).unwrap();
            }
        }
        prop_assert_eq!(fake.used(), roots);
        space.destroy(&mut fake.clone(), &mut fake.clone());
        prop_assert_eq!(fake.used(), 0);
    }
}
