//! When a thread is to be rescheduled: the promises of its preempt word, and the first defect of the 2021 series.

use preempt::PreemptWord;

#[test]
fn a_thread_is_rescheduled_only_if_that_is_due_and_no_section_is_open() {
    let word = PreemptWord::new();
    assert!(!word.is_due());
    word.set_due();
    assert!(word.is_due());
    word.hold();
    assert!(!word.is_due());
    assert!(word.release(), "due, and the last section ended");
    word.clear_due();
    assert!(!word.is_due());
}

/// The series of 2021 had the test for "atomic" inverted in one of its patches: it rescheduled inside atomic sections and
/// nowhere else. Here the question and the count are one number, and this holds it.
#[test]
fn defect_2021_a_section_is_never_left_by_rescheduling_inside_it() {
    let word = PreemptWord::new();
    for depth in 1..=100 {
        word.hold();
        word.set_due();
        assert!(!word.is_due(), "at depth {depth}");
    }
    for depth in (1..100).rev() {
        assert!(!word.release(), "{depth} sections are still open");
        assert!(!word.is_due());
    }
    assert!(word.release());
    assert!(word.is_due());
}

#[test]
fn ending_a_section_reschedules_only_if_somebody_wants_the_core() {
    let word = PreemptWord::new();
    word.hold();
    assert!(!word.release());
    word.hold();
    word.set_due();
    word.clear_due();
    assert!(!word.release());
}

#[test]
fn a_core_s_own_context_is_never_rescheduled() {
    let word = PreemptWord::never();
    word.set_due();
    assert!(!word.is_due());
    word.hold();
    assert!(!word.release());
}

/// The count of the series was the core's, and its thread moved: the word is a value of the thread, and another's is
/// another word.
#[test]
fn defect_2021_sections_belong_to_the_thread_not_to_the_core() {
    let (first, second) = (PreemptWord::new(), PreemptWord::new());
    first.hold();
    // The core goes to the second thread in the middle of nothing, the first one goes on elsewhere.
    second.set_due();
    assert!(second.is_due());
    first.set_due();
    assert!(!first.is_due());
    assert!(first.release());
}
