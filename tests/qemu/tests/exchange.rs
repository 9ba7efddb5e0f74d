//! How the guest `stress` hands operations from one vCPU to the other, in every interleaving, explored by loom. Its judge is
//! only as good as this: a result that reaches another operation looks like a fault of the hypervisor.

use loom::sync::Arc;
use loom::thread;

/// What the guest takes from `core`.
mod atomic {
    pub use loom::sync::atomic::{AtomicI64, AtomicU64, Ordering};
}

#[path = "../../guests/src/stress/exchange.rs"]
mod exchange;

use atomic::{AtomicI64, AtomicU64};
use exchange::{Exchange, NONE};

fn empty() -> Exchange {
    Exchange {
        handle: AtomicU64::new(0),
        status: AtomicI64::new(NONE),
        values: [0; 3].map(AtomicU64::new),
    }
}

/// Who takes may read the place while one operation is answered and not collected, and go on when the next is there.
#[test]
fn each_operation_that_is_handed_over_gets_its_own_result() {
    loom::model(|| {
        let exchange = Arc::new(empty());
        let there = exchange.clone();
        let taker = thread::spawn(move || {
            for _ in 0..2 {
                let handle = loop {
                    match there.wanted() {
                        Some(handle) => break handle,
                        None => thread::yield_now(),
                    }
                };
                there.answer(handle as i64, [handle; 3]);
            }
        });
        for handle in [1, 2] {
            assert!(exchange.offer(handle));
            let (status, values) = loop {
                match exchange.collect() {
                    Some(result) => break result,
                    None => thread::yield_now(),
                }
            };
            assert_eq!((status, values), (handle as i64, [handle; 3]));
            assert!(!exchange.is_out());
        }
        taker.join().unwrap();
    });
}
