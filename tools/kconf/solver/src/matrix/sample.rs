//! The sampler: rows are built greedily, each value chosen for the combinations it adds, under all constraints.

use kconf::{Code, Config, Diagnostic, Diagnostics, Layer, Model};

use super::certificate::{Covered, Matrix, Parameter, Row};
use super::tuples::Tuples;
use crate::draw::Draw;
use crate::encode::Encoding;
use crate::formula::Lit;
use crate::solver::Solver;

/// Rows tried before the best one is taken.
const CANDIDATES: usize = 6;

/// What happened to a combination.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Covered,
    Infeasible,
}

/// A configuration that every sample has first: its name and the text of its `.config`.
#[derive(Clone, Debug)]
pub struct Named {
    /// Shown in the result.
    pub name: String,
    /// Lines of a `.config` or defconfig.
    pub config: String,
}

/// A sample of configurations in which every possible combination of values of `strength` (1 to 3) of the symbols
/// occurs, with its certificate. The same for the same seed.
///
/// ```
/// # use kconf::{Env, Model};
/// # use kconf_solver::{matrix, verify};
/// let text = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\n";
/// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
/// let sample = matrix(&model, &["A", "B", "C"], 2, 1, &[])?;
/// assert_eq!(sample.infeasible.len(), 1); // A=n B=y
/// assert!(sample.rows.len() <= 6);
/// assert_eq!(verify(&model, &sample)?.tuples, 12);
/// # Ok::<(), kconf::Diagnostics>(())
/// ```
///
/// # Errors
/// A symbol is unknown or named twice, the strength is not 1 to 3, or there are too many combinations.
pub fn matrix(
    model: &Model,
    symbols: &[&str],
    strength: usize,
    seed: u64,
    named: &[Named],
) -> Result<Matrix, Diagnostics> {
    let encoding = Encoding::new(model);
    let parameters = parameters(&encoding, symbols)?;
    if !(1..=3).contains(&strength) {
        return Err(refuse("the strength of a sample must be 1, 2 or 3"));
    }
    let Some(tuples) = Tuples::new(&parameters, strength) else {
        return Err(refuse(
            "there are more than four million combinations; choose fewer symbols or a lower strength",
        ));
    };
    let mut sampler = Sampler {
        solver: Solver::new(&encoding.formula),
        encoding,
        states: vec![State::Open; tuples.keys.len()],
        tuples,
        parameters,
        draw: Draw::new(seed),
        rows: Vec::new(),
    };
    for given in named {
        sampler.take(given.name.clone(), given.config.clone(), None);
    }
    let fixed = sampler.rows.len();
    sampler.fill();
    sampler.prune(fixed);
    Ok(sampler.certificate(strength, seed))
}

fn refuse(message: &str) -> Diagnostics {
    Diagnostic::error(Code::Limit, message).into()
}

fn parameters(encoding: &Encoding<'_>, symbols: &[&str]) -> Result<Vec<Parameter>, Diagnostics> {
    let mut found = Diagnostics::new();
    let mut out: Vec<Parameter> = Vec::new();
    for name in symbols {
        if encoding.model().symbol(name).is_none() {
            found.push(
                Diagnostic::error(
                    Code::UnknownSymbol,
                    format!("{name} is defined in no Kconfig file"),
                )
                .about(name),
            );
        }
        if out.iter().any(|p| p.symbol == **name) {
            found.push(Diagnostic::error(
                Code::Reassigned,
                format!("{name} is named twice"),
            ));
        }
        out.push(Parameter {
            symbol: (*name).to_owned(),
            values: encoding.values(name),
        });
    }
    if found.has_errors() {
        Err(found)
    } else {
        Ok(out)
    }
}

struct Sampler<'m> {
    encoding: Encoding<'m>,
    solver: Solver,
    parameters: Vec<Parameter>,
    tuples: Tuples,
    states: Vec<State>,
    draw: Draw,
    rows: Vec<(Row, Vec<u32>)>,
}

impl Sampler<'_> {
    fn lit(&self, setting: u32) -> Lit {
        let (parameter, value) = self.tuples.split(setting);
        let parameter = &self.parameters[parameter];
        self.encoding
            .is(&parameter.symbol, &parameter.values[value])
    }

    /// Evaluates a configuration and takes it as a row.
    fn take(&mut self, name: String, config: String, minimal: Option<&str>) {
        let mut evaluated = Config::new(self.encoding.model);
        evaluated.read_str(&name, &config, Layer::Config);
        let values: Vec<String> = self
            .parameters
            .iter()
            .map(|p| {
                evaluated
                    .value(&p.symbol)
                    .map(|v| v.text)
                    .unwrap_or_default()
            })
            .collect();
        let mut settings = Vec::new();
        for (index, text) in values.iter().enumerate() {
            let value = self.parameters[index].values.iter().position(|v| v == text);
            settings.extend(value.map(|value| self.tuples.setting(index, value)));
        }
        let states = &mut self.states;
        self.tuples
            .within(&settings, &mut |index| states[index] = State::Covered);
        let config = minimal.map_or(config, str::to_owned);
        let row = Row {
            name,
            config,
            values,
        };
        self.rows.push((row, settings));
    }

    fn fill(&mut self) {
        let mut order: Vec<usize> = (0..self.states.len()).collect();
        self.draw.shuffle(&mut order);
        for index in order {
            if self.states[index] != State::Open {
                continue;
            }
            let lits: Vec<Lit> = self
                .tuples
                .settings(index)
                .iter()
                .map(|s| self.lit(*s))
                .collect();
            if !self.solver.solve(&lits) {
                self.states[index] = State::Infeasible;
                continue;
            }
            let start = self.tuples.settings(index).to_vec();
            let mut best: Option<(usize, Vec<Lit>)> = None;
            for _ in 0..CANDIDATES {
                let (gain, lits) = self.candidate(&start);
                if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                    best = Some((gain, lits));
                }
            }
            let Some((_, lits)) = best else { continue };
            if !self.solver.solve(&lits) {
                continue;
            }
            let config = self.encoding.dotconfig(self.solver.found());
            let name = format!("matrix-{}", self.rows.len());
            let minimal = minimal(self.encoding.model, &config);
            self.take(name, config, Some(&minimal));
            if self.states[index] == State::Open {
                // The evaluator disagrees with the constraints. The combination stays open and is not claimed.
                self.rows.pop();
            }
        }
    }

    /// A row that has the settings in `start`: how many open combinations it has, and its literals.
    fn candidate(&mut self, start: &[u32]) -> (usize, Vec<Lit>) {
        let mut fixed: Vec<u32> = start.to_vec();
        let mut lits: Vec<Lit> = fixed.iter().map(|s| self.lit(*s)).collect();
        let mut total = 0;
        let mut order: Vec<usize> = (0..self.parameters.len())
            .filter(|p| !start.iter().any(|s| self.tuples.split(*s).0 == *p))
            .collect();
        self.draw.shuffle(&mut order);
        for parameter in order {
            let count = self.parameters[parameter].values.len();
            let mut values: Vec<usize> = (0..count).collect();
            self.draw.shuffle(&mut values);
            let mut ranked: Vec<(usize, u32)> = values
                .into_iter()
                .map(|value| {
                    let setting = self.tuples.setting(parameter, value);
                    let (mut gain, states) = (0, &self.states);
                    self.tuples.with(setting, &fixed, &mut |index| {
                        gain += usize::from(states[index] == State::Open);
                    });
                    (gain, setting)
                })
                .collect();
            ranked.sort_by_key(|(gain, _)| std::cmp::Reverse(*gain));
            for (gain, setting) in ranked {
                lits.push(self.lit(setting));
                if self.solver.solve(&lits) {
                    fixed.push(setting);
                    total += gain;
                    break;
                }
                lits.pop();
            }
        }
        (total, lits)
    }

    /// Drops rows, except the first `fixed`, whose combinations all occur elsewhere.
    fn prune(&mut self, fixed: usize) {
        let mut counts = vec![0u32; self.states.len()];
        for (_, settings) in &self.rows {
            self.tuples
                .within(settings, &mut |index| counts[index] += 1);
        }
        let rows = std::mem::take(&mut self.rows);
        for (number, (row, settings)) in rows.into_iter().enumerate() {
            let mut needed = number < fixed;
            self.tuples
                .within(&settings, &mut |index| needed |= counts[index] == 1);
            if needed {
                self.rows.push((row, settings));
            } else {
                self.tuples
                    .within(&settings, &mut |index| counts[index] -= 1);
            }
        }
        for (number, (row, _)) in self.rows.iter_mut().enumerate().skip(fixed) {
            row.name = format!("matrix-{number}");
        }
    }

    fn certificate(self, strength: usize, seed: u64) -> Matrix {
        let mut first: Vec<Option<usize>> = vec![None; self.states.len()];
        for (number, (_, settings)) in self.rows.iter().enumerate() {
            self.tuples.within(settings, &mut |index| {
                first[index].get_or_insert(number);
            });
        }
        let (mut covered, mut infeasible) = (Vec::new(), Vec::new());
        for (index, row) in first.into_iter().enumerate() {
            let tuple = self.tuples.tuple(&self.parameters, index);
            match row {
                Some(row) => covered.push(Covered { tuple, row }),
                None if self.states[index] == State::Infeasible => infeasible.push(tuple),
                None => {}
            }
        }
        let approximations = self.encoding.approximations().iter();
        Matrix {
            title: self.encoding.model.title().to_owned(),
            strength,
            seed,
            approximations: approximations
                .filter(|a| a.lossy)
                .map(|a| format!("{}: {}", a.symbol, a.reason))
                .collect(),
            parameters: self.parameters,
            rows: self.rows.into_iter().map(|(row, _)| row).collect(),
            covered,
            infeasible,
        }
    }
}

/// The shortest text that gives the same configuration.
fn minimal(model: &Model, config: &str) -> String {
    let mut whole = Config::new(model);
    whole.read_str("<row>", config, Layer::Config);
    let minimal = whole.savedefconfig();
    let mut again = Config::new(model);
    again.read_str("<row>", &minimal, Layer::Defconfig);
    let same = model
        .symbols()
        .all(|s| whole.value_of(s) == again.value_of(s));
    // A default that its own range changes has no stable minimal form.
    if same { minimal } else { config.to_owned() }
}
