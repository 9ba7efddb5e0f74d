//! A null pool gives each vCPU a core of its own: is there one for each?
//!
//! The core found becomes the vCPU's affinity, so that the kernel has nothing to search, and finds the same.

use std::ops::Range;

use super::cores;
use super::system::Draft;
use crate::diag::Diagnostic;
use crate::model::{Pool, Thread};
use crate::schema::sched::PoolSpec;
use crate::schema::system::SystemSpec;

/// Something that wants a core to itself.
struct Owner<'a> {
    name: String,
    affinity: &'a mut u64,
    span: Range<usize>,
}

/// Checks one pool, and gives each of its vCPUs a core. Threads in the background live on what vCPUs leave.
pub(super) fn check(
    own: Option<&PoolSpec>,
    pool: &Pool,
    spec: &SystemSpec,
    drafts: &mut [Draft],
    threads: &mut [Thread],
    found: &mut Vec<Diagnostic>,
) {
    let owners = owners(pool, spec, drafts, threads);
    let masks: Vec<u64> = owners.iter().map(|owner| *owner.affinity).collect();
    match matching(&masks) {
        Ok(cores) => {
            for (owner, core) in owners.into_iter().zip(cores) {
                *owner.affinity = 1 << core;
            }
        }
        Err(at) => {
            let owner = &owners[at];
            let mut error = Diagnostic::new(
                owner.span.clone(),
                format!("{} has no core to itself", owner.name),
            )
            .label(format!("{} taken", taken(*owner.affinity)));
            if let Some(own) = own {
                error = error.related(own.policy.span.clone(), "one vCPU per core");
            }
            let others: Vec<&str> = owners[..at].iter().map(|o| o.name.as_str()).collect();
            found.push(
                error
                    .note(format!(
                        "the pool `{}` has {}, and before it: {}",
                        pool.name,
                        cores::show(pool.cores),
                        others.join(", ")
                    ))
                    .help("give the pool another policy, or the vCPUs different cores"),
            );
        }
    }
}

fn owners<'a>(
    pool: &Pool,
    spec: &SystemSpec,
    drafts: &'a mut [Draft],
    threads: &'a mut [Thread],
) -> Vec<Owner<'a>> {
    let vcpus = spec.vms.iter().zip(drafts).flat_map(|(vm, draft)| {
        let both = vm.vcpus.iter().zip(&mut draft.vcpus);
        both.enumerate().map(|(index, (own, vcpu))| Owner {
            name: format!("vCPU {index} of `{}`", vm.name.value),
            affinity: &mut vcpu.affinity,
            span: own
                .affinity
                .as_ref()
                .map_or(own.span.clone(), |list| list.span.clone()),
        })
    });
    let threads = threads.iter_mut().filter(|thread| !thread.background);
    let threads = threads.map(|thread| Owner {
        name: format!("the thread `{}`", thread.name),
        affinity: &mut thread.affinity,
        span: spec
            .threads
            .iter()
            .find(|own| own.name.value == thread.name)
            .map_or(0..0, |own| own.span.clone()),
    });
    vcpus
        .chain(threads)
        .filter(|owner| *owner.affinity & pool.cores != 0)
        .collect()
}

fn taken(mask: u64) -> String {
    let verb = if mask.count_ones() == 1 { "is" } else { "are" };
    format!("{} {verb}", cores::show(mask))
}

/// A different core for each mask; the error is the first mask for which there is none (augmenting paths).
fn matching(masks: &[u64]) -> Result<Vec<u32>, usize> {
    fn place(at: usize, masks: &[u64], tried: &mut u64, owner: &mut [Option<usize>; 64]) -> bool {
        for core in (0..64).filter(|core| masks[at] >> core & 1 == 1) {
            if *tried >> core & 1 == 1 {
                continue;
            }
            *tried |= 1 << core;
            if owner[core].is_none_or(|other| place(other, masks, tried, owner)) {
                owner[core] = Some(at);
                return true;
            }
        }
        false
    }
    let mut owner = [None; 64];
    for at in 0..masks.len() {
        if !place(at, masks, &mut 0, &mut owner) {
            return Err(at);
        }
    }
    let mut cores = vec![0; masks.len()];
    for (core, at) in owner.iter().enumerate() {
        if let Some(at) = at {
            cores[*at] = core as u32;
        }
    }
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use super::matching;

    #[test]
    fn a_core_is_found_for_each_if_there_is_a_way() {
        // The first could take core 0, but then the second had none.
        assert_eq!(matching(&[0b11, 0b01]), Ok(vec![1, 0]));
        assert_eq!(matching(&[0b111, 0b011, 0b001]), Ok(vec![2, 1, 0]));
        assert_eq!(matching(&[0b01, 0b01]), Err(1));
        assert_eq!(matching(&[0b11, 0b11, 0b11]), Err(2));
    }
}
