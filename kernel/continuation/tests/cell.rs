//! One future in one place: one claim at a time.

use continuation::FutureCell;

#[test]
fn asking_for_a_claim_in_vain_does_not_end_the_one_there_is() {
    static CELL: FutureCell<(), 16> = FutureCell::new();
    let claim = CELL.claim().unwrap();
    assert!(CELL.claim().is_none());
    assert!(CELL.claim().is_none());
    assert!(CELL.is_claimed());
    drop(claim);
    assert!(CELL.claim().is_some());
}
