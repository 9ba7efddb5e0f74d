//! The numbers that `tools/setup/init-calls`, a shell script, has to repeat: they are the ABI's.

use std::collections::BTreeMap;

#[test]
fn the_initramfs_that_makes_hypercalls_makes_those_of_the_abi() {
    let script = include_str!("../../../tools/setup/init-calls");
    let line = script
        .lines()
        .find(|line| line.starts_with("POPULATE="))
        .expect("the script says which functions it calls");
    let numbers: BTreeMap<&str, u32> = line
        .split_whitespace()
        .filter_map(|word| word.split_once("=0x"))
        .map(|(name, hex)| (name, u32::from_str_radix(hex, 16).expect("a number")))
        .collect();
    let expected = BTreeMap::from([
        ("POPULATE", abi::ops::POPULATE),
        ("RECLAIM", abi::ops::RECLAIM),
        ("BURN", abi::ops::BURN),
    ]);
    assert_eq!(numbers, expected);
}
