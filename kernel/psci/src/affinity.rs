//! The MPIDR affinities of a VM's vCPUs: vCPU n has Aff0 = n and Aff1 to Aff3 = 0.

/// The index of the vCPU that a `target_cpu` argument names (DEN0022, CPU_ON: bits 39:32 and 23:0 are
/// affinity fields, all others must be zero), among `count` vCPUs.
pub(crate) fn vcpu(target: u64, count: usize) -> Option<usize> {
    usize::try_from(target).ok().filter(|n| *n < count.min(256))
}

/// Whether `target_affinity` names, at `level`, the affinity instance in which the vCPUs are; `None` if it
/// names none or is malformed. Fields below the level are ignored (DEN0022, AFFINITY_INFO), fields that do not
/// exist must be zero.
pub(crate) fn instance(target: u64, level: u64, count: usize) -> Option<core::ops::Range<usize>> {
    const FIELDS: u64 = 0x00ff_00ff_ffff;
    if target & !FIELDS != 0 {
        return None;
    }
    let ignored: u64 = match level {
        0 => return vcpu(target, count).map(|n| n..n.saturating_add(1)),
        1 => 0xff,
        2 => 0xffff,
        3 => 0xff_ffff,
        _ => return None,
    };
    (target & !ignored == 0).then_some(0..count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_vcpus_have_an_affinity() {
        assert_eq!(vcpu(0, 2), Some(0));
        assert_eq!(vcpu(1, 2), Some(1));
        for target in [
            2,
            0x100,
            0x1_0000,
            1 << 24,
            1 << 31,
            1 << 32,
            1 << 40,
            u64::MAX,
        ] {
            assert_eq!(vcpu(target, 2), None, "{target:#x}");
        }
    }

    #[test]
    fn a_level_ignores_the_fields_below_it_and_only_those() {
        assert_eq!(instance(1, 0, 2), Some(1..2));
        assert_eq!(instance(2, 0, 2), None);
        assert_eq!(instance(0xff, 1, 2), Some(0..2));
        assert_eq!(instance(0x1ff, 1, 2), None);
        assert_eq!(instance(0xffff, 2, 2), Some(0..2));
        assert_eq!(instance(0x1_ffff, 2, 2), None);
        assert_eq!(instance(0xff_ffff, 3, 2), Some(0..2));
        assert_eq!(instance(1 << 32, 3, 2), None);
    }

    #[test]
    fn malformed_affinities_and_levels_name_nothing() {
        for level in 0..4 {
            assert_eq!(instance(1 << 24, level, 2), None);
            assert_eq!(instance(1 << 40, level, 2), None);
        }
        for level in [4, 5, u64::MAX] {
            assert_eq!(instance(0, level, 2), None);
        }
    }
}
