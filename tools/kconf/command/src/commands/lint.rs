//! `lint`: findings about the Kconfig files, each with its evidence.

use std::path::{Path, PathBuf};

use kconf_solver::{Evidence, Finding, FindingKind, LintOptions, Sources};
use serde_json::{Value, json};

use crate::context::{Context, Failure, print};
use crate::json;

/// Findings to standard output; any finding is status 1.
pub fn run(
    root: &Path,
    kinds: &[String],
    sources: &[PathBuf],
    context: &Context,
) -> Result<(), Failure> {
    let mut options = LintOptions::default();
    if !kinds.is_empty() {
        options.kinds = kinds.iter().map(|k| kind(k)).collect::<Result<_, _>>()?;
    }
    if !sources.is_empty() {
        let mut all = Sources::new();
        for path in sources {
            add(path, &mut all)?;
        }
        options.sources = Some(all);
    }
    let model = context.load(root)?;
    let found = kconf_solver::lint(&model, &options);
    if context.json {
        let list: Vec<Value> = found.iter().map(object).collect::<Result<_, _>>()?;
        json::show(&json!({ "findings": list }))?;
    } else {
        let mut texts = Vec::new();
        for finding in &found {
            let mut text = finding.diagnostic.to_string();
            if let Evidence::Witness { config } = &finding.evidence {
                text.push_str("  shown by this configuration:\n");
                for line in config.lines() {
                    text.push_str(&format!("    {line}\n"));
                }
            }
            texts.push(text);
        }
        print(&texts.join("\n"))?;
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(Failure::Said),
    }
}

fn kind(name: &str) -> Result<FindingKind, Failure> {
    let found = FindingKind::ALL.into_iter().find(|k| k.as_str() == name);
    found.ok_or_else(|| {
        let all: Vec<&str> = FindingKind::ALL.iter().map(|k| k.as_str()).collect();
        Failure::Usage(format!(
            "{name} is no kind of finding; there is {}",
            all.join(", ")
        ))
    })
}

fn object(finding: &Finding) -> Result<Value, Failure> {
    let evidence = serde_json::to_value(&finding.evidence)
        .map_err(|e| Failure::Other(format!("cannot write a finding: {e}")))?;
    Ok(json!({
        "kind": finding.kind.as_str(),
        "symbol": finding.symbol,
        "diagnostic": json::diagnostic(&finding.diagnostic),
        "evidence": evidence,
    }))
}

/// The words of a file, or of all files below a folder. Links are not followed, so there are no loops.
fn add(path: &Path, sources: &mut Sources) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::Other(format!("cannot read {}: {e}", path.display()));
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !entry.file_type().map_err(failed)?.is_symlink() {
                add(&entry.path(), sources)?;
            }
        }
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    sources.add(&String::from_utf8_lossy(&bytes));
    Ok(())
}
