//! All combinations of values of `t` symbols, and which of them have been seen.

use std::collections::HashMap;

use crate::matrix::certificate::{Parameter, Setting, Tuple};

/// More combinations than this are refused.
const MAX_TUPLES: usize = 4_000_000;

/// Numbers of settings, ascending, filled up with the largest number.
pub(super) type Key = [u32; 3];

/// The combinations.
pub(super) struct Tuples {
    pub strength: usize,
    /// The first number of each parameter's settings, and the end.
    starts: Vec<u32>,
    pub keys: Vec<Key>,
    by_key: HashMap<Key, usize>,
}

impl Tuples {
    /// None if there are too many.
    pub fn new(parameters: &[Parameter], strength: usize) -> Option<Self> {
        let mut starts = vec![0];
        for parameter in parameters {
            let last = starts.last().copied().unwrap_or(0);
            starts.push(last + u32::try_from(parameter.values.len()).ok()?);
        }
        let mut tuples = Self {
            strength: strength.min(parameters.len()),
            starts,
            keys: Vec::new(),
            by_key: HashMap::new(),
        };
        let complete = tuples.extend(0, &mut Vec::new());
        if !complete {
            return None;
        }
        tuples.by_key = tuples.keys.iter().copied().zip(0..).collect();
        Some(tuples)
    }

    fn extend(&mut self, from: usize, chosen: &mut Vec<u32>) -> bool {
        if chosen.len() == self.strength {
            self.keys.push(key(chosen));
            return self.keys.len() <= MAX_TUPLES;
        }
        for parameter in from..self.starts.len() - 1 {
            for setting in self.starts[parameter]..self.starts[parameter + 1] {
                chosen.push(setting);
                let complete = self.extend(parameter + 1, chosen);
                chosen.pop();
                if !complete {
                    return false;
                }
            }
        }
        true
    }

    /// The number of value `value` of parameter `parameter`.
    pub fn setting(&self, parameter: usize, value: usize) -> u32 {
        self.starts[parameter] + u32::try_from(value).unwrap_or(0)
    }

    /// Parameter and value of a setting.
    pub fn split(&self, setting: u32) -> (usize, usize) {
        let parameter = self.starts.partition_point(|start| *start <= setting) - 1;
        (parameter, (setting - self.starts[parameter]) as usize)
    }

    /// The settings of a combination.
    pub fn settings(&self, index: usize) -> &[u32] {
        &self.keys[index][..self.strength]
    }

    pub fn tuple(&self, parameters: &[Parameter], index: usize) -> Tuple {
        let settings = self.settings(index).iter().map(|setting| {
            let (parameter, value) = self.split(*setting);
            Setting {
                symbol: parameters[parameter].symbol.clone(),
                value: parameters[parameter].values[value].clone(),
            }
        });
        Tuple(settings.collect())
    }

    /// Calls `visit` with every combination among the settings (ascending).
    pub fn within(&self, settings: &[u32], visit: &mut dyn FnMut(usize)) {
        self.choose(settings, 0, &mut Vec::new(), visit);
    }

    /// As [`Tuples::within`], of combinations that have `setting` (not among the others).
    pub fn with(&self, setting: u32, others: &[u32], visit: &mut dyn FnMut(usize)) {
        self.choose(others, 0, &mut vec![setting], visit);
    }

    fn choose(
        &self,
        settings: &[u32],
        from: usize,
        chosen: &mut Vec<u32>,
        visit: &mut dyn FnMut(usize),
    ) {
        if chosen.len() == self.strength {
            if let Some(index) = self.by_key.get(&key(chosen)) {
                visit(*index);
            }
            return;
        }
        for index in from..settings.len() {
            chosen.push(settings[index]);
            self.choose(settings, index + 1, chosen, visit);
            chosen.pop();
        }
    }
}

fn key(chosen: &[u32]) -> Key {
    let mut key = [u32::MAX; 3];
    for (slot, setting) in key.iter_mut().zip(chosen) {
        *slot = *setting;
    }
    key.sort_unstable();
    key
}
