//! Evaluation of a part: after one assignment, only what can have changed.
//!
//! The model keeps, per node of the graph, who reads it and its place in the order of evaluation. Nodes are
//! settled in that order, and those that come out as before wake nobody. The result is that of a whole pass;
//! where that is not certain (the symbol that permits `m` changes, a range leads in a circle) the caller is told
//! to make one.

use std::collections::BTreeSet;

use crate::eval::Evaluation;
use crate::graph::Step;
use crate::model::Model;

/// Who reads whose value, as one flat list.
#[derive(Clone, Debug, Default)]
pub struct Dependents {
    /// Per node, where its readers start; one more at the end.
    starts: Vec<u32>,
    readers: Vec<u32>,
    /// Per node, its place in the order of evaluation.
    rank: Vec<u32>,
    /// Whether every value is made before it is read, by one node only.
    certain: bool,
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Dependents {
    /// From edges (reader, what it reads) and the order of evaluation, as nodes.
    pub fn new(model: &Model, order: &[usize], edges: &[(usize, usize)]) -> Self {
        let mut rank = vec![0; order.len()];
        for (place, node) in order.iter().enumerate() {
            rank[*node] = short(place);
        }
        let mut starts = vec![0; order.len() + 1];
        for (_, read) in edges {
            starts[read + 1] += 1;
        }
        for node in 0..order.len() {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut readers = vec![0; edges.len()];
        for (reader, read) in edges {
            readers[next[*read] as usize] = short(*reader);
            next[*read] += 1;
        }
        let forward = edges
            .iter()
            .all(|(reader, read)| rank[*read] < rank[*reader]);
        let alone = model.choices.iter().enumerate().all(|(index, choice)| {
            let mut members = choice.members.iter();
            members.all(|id| model.get(*id).choice.map(|c| c.index()) == Some(index))
        });
        let certain = forward && alone;
        Self {
            starts,
            readers,
            rank,
            certain,
        }
    }

    fn readers(&self, node: usize) -> &[u32] {
        &self.readers[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

impl Evaluation<'_> {
    /// Settles what a new assignment of the symbol or choice `first` changes, in states of before it. Returns
    /// how many symbols and choices were evaluated; none: a whole pass is needed.
    pub fn update(&mut self, first: Step) -> Option<usize> {
        let model = self.model;
        let graph = &model.dependents;
        if !graph.certain {
            return None;
        }
        let node = match first {
            Step::Symbol(id) => id.index(),
            Step::Choice(id) => model.symbols.len() + id.index(),
        };
        let mut steps = 0;
        let mut dirty = BTreeSet::from([graph.rank[node]]);
        while let Some(place) = dirty.pop_first() {
            steps += 1;
            let mut wake = |node: usize| {
                let readers = graph.readers(node).iter();
                dirty.extend(readers.map(|reader| graph.rank[*reader as usize]));
            };
            match model.order[place as usize] {
                Step::Symbol(id) => {
                    let before = self.states[id.index()].clone();
                    self.symbol(id);
                    if before != self.states[id.index()] {
                        if model.modules == Some(id) {
                            return None;
                        }
                        wake(id.index());
                    }
                }
                Step::Choice(id) => {
                    let members = &model.choice(id).members;
                    let before: Vec<_> = members
                        .iter()
                        .map(|member| self.states[member.index()].clone())
                        .collect();
                    self.choice(id);
                    for (member, before) in members.iter().zip(before) {
                        if before != self.states[member.index()] {
                            wake(member.index());
                        }
                    }
                }
            }
        }
        Some(steps)
    }
}
