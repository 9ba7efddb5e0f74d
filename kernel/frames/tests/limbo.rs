//! Pages in limbo: none comes out early, none twice, none is lost.

use std::collections::VecDeque;

use frames::Limbo;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Put(usize),
    Close,
    Pass,
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..12usize).prop_map(Step::Put),
        1 => Just(Step::Close),
        1 => Just(Step::Pass),
        3 => Just(Step::Take),
    ]
}

proptest! {
    #[test]
    fn pages_come_out_in_order_and_after_their_grace_period(steps in prop::collection::vec(step(), 0..200)) {
        let mut limbo = Limbo::<10>::new();
        let [mut come, mut closed, mut free] = [const { VecDeque::new() }; 3];
        let (mut put, mut taken) = (0, 0);
        for step in steps {
            match step {
                Step::Put(page) => {
                    if come.contains(&page) || closed.contains(&page) || free.contains(&page) {
                        continue;
                    }
                    limbo.put(page);
                    if page < 10 {
                        come.push_back(page);
                        put += 1;
                    }
                }
                Step::Close => {
                    let closes = !come.is_empty() && closed.is_empty();
                    prop_assert_eq!(limbo.close(), closes);
                    if closes {
                        closed = std::mem::take(&mut come);
                    }
                }
                Step::Pass => {
                    limbo.pass();
                    free.append(&mut closed);
                }
                Step::Take => {
                    let page = free.pop_front();
                    taken += u64::from(page.is_some());
                    prop_assert_eq!(limbo.take(), page);
                }
            }
            prop_assert_eq!(limbo.new_ones() as usize, come.len());
            prop_assert_eq!(limbo.waiting() as usize, come.len() + closed.len() + free.len());
            prop_assert_eq!((limbo.put_in(), limbo.taken_out()), (put, taken));
        }
    }
}
