//! Which system tests there are.

mod chatter;
mod consoles;
mod preempt;
mod reproducible;
mod robustness;

use cli::selection::{DEFAULT_BOARD, DEFAULT_MODEL, Selection};

use crate::{Action, Case};

/// Interrupt controllers: the name in a case, and the fragment that chooses it (GICv3 is the default).
const GICS: [(&str, Option<&str>); 2] = [("gicv3", None), ("gicv2", Some("gicv2"))];
/// Numbers of physical cores.
const CORES: [u8; 3] = [1, 2, 4];

/// Every case, in the order in which they are run: cases of one configuration together, cheap ones first.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = vec![Case {
        name: "build/same-image-in-another-folder".to_owned(),
        selection: selection(None, 1),
        system: "hello",
        action: Action::Other(reproducible::same_image_in_another_folder),
        needs_guests: false,
        extended: false,
    }];
    for system in ["hello", "linux-check"] {
        for (gic, fragment) in GICS {
            for cores in CORES {
                cases.push(Case {
                    name: format!("boot/{gic}/{cores}/{system}"),
                    selection: selection(fragment, cores),
                    system,
                    action: Action::Unattended,
                    needs_guests: system != "hello",
                    extended: false,
                });
            }
        }
    }
    // What can be switched off is off, and Linux still boots.
    cases.push(case(
        "fragments/small/1",
        Some("small"),
        1,
        "linux-one",
        Action::Unattended,
        true,
    ));
    for (gic, fragment) in GICS {
        for system in ["arch", "attack"] {
            cases.push(case(
                &format!("{system}/{gic}/2"),
                fragment,
                2,
                system,
                Action::Unattended,
                false,
            ));
        }
        cases.push(case(
            &format!("uboot/{gic}/1"),
            fragment,
            1,
            "uboot",
            Action::Driven(consoles::uboot),
            true,
        ));
        cases.push(case(
            &format!("shells/{gic}/2"),
            fragment,
            2,
            "linux",
            Action::Driven(consoles::shells),
            true,
        ));
    }
    cases.extend(robustness::cases());
    cases.extend(preempt::cases());
    cases
}

fn case(
    name: &str,
    fragment: Option<&str>,
    cores: u8,
    system: &'static str,
    action: Action,
    needs_guests: bool,
) -> Case {
    Case {
        name: name.to_owned(),
        selection: selection(fragment, cores),
        system,
        action,
        needs_guests,
        extended: false,
    }
}

fn selection(fragment: Option<&str>, cores: u8) -> Selection {
    Selection {
        board: Some(DEFAULT_BOARD.to_owned()),
        model: Some(DEFAULT_MODEL.to_owned()),
        fragments: fragment.map(str::to_owned).into_iter().collect(),
        cpus: Some(cores),
        settings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_model_is_tested_alike() {
        let names: BTreeSet<String> = all().into_iter().map(|case| case.name).collect();
        let of = |model: &str| -> Vec<&str> {
            let prefix = format!("preempt/{model}/");
            let names = names.iter().filter_map(|name| name.strip_prefix(&prefix));
            // What only one model can be asked for.
            names.filter(|name| !name.starts_with("only/")).collect()
        };
        assert!(of("full").contains(&"linux-check/1"));
        assert_eq!(of("legacy"), of("full"));
        assert_eq!(of("hybrid"), of("full"));
    }

    #[test]
    fn names_are_unique_and_the_matrix_is_complete() {
        let names: Vec<String> = all().into_iter().map(|case| case.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for gic in ["gicv2", "gicv3"] {
            for cores in ["1", "2", "4"] {
                for system in ["hello", "linux-check"] {
                    assert!(names.contains(&format!("boot/{gic}/{cores}/{system}")));
                }
            }
        }
    }
}
