//! Lists of cores, as masks.

use super::unique;
use crate::diag::Diagnostic;
use crate::model::Board;
use crate::reader::At;
use crate::schema::sched::CoresSpec;

/// The mask of all cores in use.
pub(super) fn all(board: &Board) -> u64 {
    u64::MAX >> (64 - board.cpus.len().clamp(1, 64))
}

/// The mask of those that can be preempted in EL2.
pub(super) fn preemptible(board: &Board) -> u64 {
    let marked = board.cpus.iter().enumerate();
    marked
        .filter(|(_, cpu)| cpu.preemptible)
        .fold(0, |mask, (index, _)| mask | 1 << index)
}

/// The cores of a list that exist; reports the others, and those that are listed twice.
pub(super) fn mask(list: &CoresSpec, board: &Board, found: &mut Vec<Diagnostic>) -> u64 {
    unique(
        &list.value,
        |core| format!("core {core} is listed twice"),
        found,
    );
    let mut mask = 0;
    for core in &list.value {
        match usize::try_from(core.value) {
            Ok(index) if index < board.cpus.len() => mask |= 1 << index,
            _ => found.push(no_such_core(core, board)),
        }
    }
    mask
}

/// "core 1", "cores 0 and 2".
pub(super) fn show(mask: u64) -> String {
    let list: Vec<String> = (0..64u32)
        .filter(|core| mask >> core & 1 == 1)
        .map(|core| core.to_string())
        .collect();
    match list.as_slice() {
        [] => "no core".to_owned(),
        [one] => format!("core {one}"),
        [most @ .., last] => format!("cores {} and {last}", most.join(", ")),
    }
}

fn no_such_core(core: &At<u64>, board: &Board) -> Diagnostic {
    let error = Diagnostic::new(
        core.span.clone(),
        format!("there is no core {}", core.value),
    );
    let (used, present) = (board.cpus.len(), board.cpus_present);
    if core.value < present as u64 {
        error
            .label(format!(
                "the configuration uses the first {used} of `{}`'s {present}",
                board.name
            ))
            .help(format!("set CONFIG_NR_CPUS={} or more", core.value + 1))
    } else if used == 1 {
        error.label(format!("`{}` is used with one core, number 0", board.name))
    } else {
        error.label(format!("`{}` has the cores 0 to {}", board.name, used - 1))
    }
}
