//! The table of a cyclic pool: windows inside the frame, disjoint on each core, for VMs that are there.

use std::ops::Range;

use super::system::Draft;
use super::{cores, suggest_name};
use crate::diag::Diagnostic;
use crate::model::{Board, Pool, Thread, Window};
use crate::reader::At;
use crate::schema::sched::{PoolSpec, WindowSpec};
use crate::schema::system::SystemSpec;

/// Whose windows are the hypervisor threads': no VM may have this name.
const HYPERVISOR: &str = "caesura";

/// Checks the table, and puts it into the pool.
pub(super) fn check(
    own: &PoolSpec,
    pool: &mut Pool,
    spec: &SystemSpec,
    drafts: &[Draft],
    threads: &[Thread],
    board: &Board,
    found: &mut Vec<Diagnostic>,
) {
    let before = found.len();
    let Some(frame) = frame(own, found) else {
        return;
    };
    let mut windows: Vec<(Window, Range<usize>)> = Vec::new();
    for window in &own.windows {
        let partition = partition(window, spec, found);
        let length = length(window, &frame, found);
        let mask = match &window.cores {
            None => pool.cores,
            Some(list) => {
                let mask = cores::mask(list, board, found);
                if mask & !pool.cores != 0 || list.value.is_empty() {
                    found.push(
                        Diagnostic::new(list.span.clone(), "the window is not in its pool")
                            .label("must be some of the pool's cores")
                            .related(
                                own.cores.span.clone(),
                                format!("`{}` has {}", pool.name, cores::show(pool.cores)),
                            ),
                    );
                }
                mask
            }
        };
        let (Some(partition), Some((start_us, length_us))) = (partition, length) else {
            continue;
        };
        let new = Window {
            start_us,
            length_us,
            cores: mask,
            partition,
        };
        for (old, span) in windows.iter().filter(|(old, _)| meet(old, &new)) {
            found.push(
                Diagnostic::new(
                    window.span.clone(),
                    format!("two windows overlap on {}", cores::show(old.cores & mask)),
                )
                .label(format!("{start_us} to {} µs", start_us + length_us))
                .related(
                    span.clone(),
                    format!("{} to {} µs", old.start_us, old.start_us + old.length_us),
                ),
            );
        }
        windows.push((new, window.span.clone()));
    }
    if own.windows.is_empty() {
        found.push(
            Diagnostic::new(
                own.span.clone(),
                format!("the pool `{}` has no windows", pool.name),
            )
            .label("nobody would ever run in it")
            .help("add a [[pool.window]] with vm, start_us and length_us for each VM in it"),
        );
    }
    // After other mistakes a table says nothing about who is forgotten.
    if found.len() == before {
        everyone(own, pool, spec, drafts, threads, &windows, found);
    }
    windows.sort_by_key(|(window, _)| (window.start_us, window.cores));
    pool.frame_us = u32::try_from(frame.value).unwrap_or(u32::MAX);
    pool.windows = windows.into_iter().map(|(window, _)| window).collect();
}

fn meet(one: &Window, other: &Window) -> bool {
    one.cores & other.cores != 0
        && one.start_us < other.start_us + other.length_us
        && other.start_us < one.start_us + one.length_us
}

/// The frame's length, in 1 to 2³¹ - 1 µs so that sums of two times fit 32 bits.
fn frame(own: &PoolSpec, found: &mut Vec<Diagnostic>) -> Option<At<u64>> {
    let Some(frame) = &own.frame else {
        found.push(
            Diagnostic::new(own.span.clone(), "a cyclic pool needs the key `frame_us`")
                .label("`frame_us` is missing")
                .help(
                    "the length of the major frame in microseconds, for example: frame_us = 10_000",
                ),
        );
        return None;
    };
    if !(1..1 << 31).contains(&frame.value) {
        found.push(
            Diagnostic::new(
                frame.span.clone(),
                format!("a major frame of {} µs is not possible", frame.value),
            )
            .label("must be 1 to 2147483647 µs"),
        );
        return None;
    }
    Some(frame.clone())
}

/// The number of the VM that a window names.
fn partition(window: &WindowSpec, spec: &SystemSpec, found: &mut Vec<Diagnostic>) -> Option<u16> {
    let name = &window.vm.value;
    let index = match name.as_str() {
        HYPERVISOR => Some(spec.vms.len()),
        _ => spec.vms.iter().position(|vm| vm.name.value == *name),
    };
    if index.is_none() {
        found.push(suggest_name(&window.vm, spec).help(format!(
            "a window belongs to a VM, or with vm = \"{HYPERVISOR}\" to the hypervisor's threads"
        )));
    }
    index.and_then(|index| u16::try_from(index).ok())
}

/// Start and length, inside the frame.
fn length(window: &WindowSpec, frame: &At<u64>, found: &mut Vec<Diagnostic>) -> Option<(u32, u32)> {
    let (start, length) = (&window.start, &window.length);
    if length.value == 0 {
        found.push(
            Diagnostic::new(length.span.clone(), "the window has length 0")
                .label("nobody would run in it"),
        );
        return None;
    }
    let end = start.value.saturating_add(length.value);
    if end > frame.value {
        found.push(
            Diagnostic::new(
                window.span.clone(),
                "the window reaches beyond the major frame",
            )
            .label(format!("ends after {end} µs"))
            .related(frame.span.clone(), format!("{} µs", frame.value))
            .help("make the window shorter, or the frame longer"),
        );
        return None;
    }
    Some((
        u32::try_from(start.value).ok()?,
        u32::try_from(length.value).ok()?,
    ))
}

/// Everyone who is in the pool has a window on a core where it may run.
fn everyone(
    own: &PoolSpec,
    pool: &Pool,
    spec: &SystemSpec,
    drafts: &[Draft],
    threads: &[Thread],
    windows: &[(Window, Range<usize>)],
    found: &mut Vec<Diagnostic>,
) {
    let cores_of = |partition: usize| {
        windows
            .iter()
            .filter(|(window, _)| usize::from(window.partition) == partition)
            .fold(0, |mask, (window, _)| mask | window.cores)
    };
    let mut forgotten = |what: String, vm: &str| {
        found.push(
            Diagnostic::new(own.span.clone(), format!("{what} would never run"))
                .label(format!("the pool `{}` has no window for it", pool.name))
                .help(format!(
                    "add a [[pool.window]] with vm = \"{vm}\" on a core where it may run"
                )),
        );
    };
    for (partition, (vm, draft)) in spec.vms.iter().zip(drafts).enumerate() {
        let windows = cores_of(partition);
        for (index, vcpu) in draft.vcpus.iter().enumerate() {
            if vcpu.affinity & pool.cores != 0 && vcpu.affinity & windows == 0 {
                let name = &vm.name.value;
                forgotten(format!("vCPU {index} of `{name}`"), name);
            }
        }
    }
    let windows = cores_of(spec.vms.len());
    for thread in threads {
        if !thread.background && thread.affinity & pool.cores != 0 && thread.affinity & windows == 0
        {
            forgotten(
                format!("the hypervisor's thread `{}`", thread.name),
                HYPERVISOR,
            );
        }
    }
}
