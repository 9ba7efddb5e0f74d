//! Inclusion: `source` and its relatives.
//!
//! A file that includes itself, directly or through others, is an error that shows the chain. Depth and number
//! of inclusions are bounded.

use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic};
use crate::parser::{BoxedHelp, Parsed, Parser};
use crate::source::{SourceFile, Span};

/// How deep files may include files.
const MAX_INCLUDES: usize = 64;
/// How many inclusions there may be in all; a chain of files that each include the next one twice would
/// otherwise take exponential time.
const MAX_FILES: usize = 20_000;

/// A `source` statement, carried out after its line has been read.
pub struct Include {
    pub path: String,
    pub relative: bool,
    pub optional: bool,
    pub span: Span,
}

fn display_folder(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        "the current folder".to_owned()
    } else {
        path.display().to_string()
    }
}

/// What a file is recognised by when it is met again.
pub fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The file at `path`, to be shown as `name`.
pub fn read(path: &Path, name: &str) -> Parsed<std::sync::Arc<SourceFile>> {
    let bytes = std::fs::read(path)
        .map_err(|e| Diagnostic::error(Code::Io, format!("cannot read {}: {e}", path.display())))?;
    crate::source::decode(name, bytes)
}

impl Parser<'_> {
    /// Reads the file that a `source` statement names, in its place.
    pub fn include(&mut self, include: Include) -> Parsed<()> {
        let folder = match include.relative {
            true => {
                let including = self.macros.borrow().located(include.span.file.name());
                including.parent().map(Path::to_owned).unwrap_or_default()
            }
            false => self.srctree.clone(),
        };
        let (is_classic, written) = {
            let mut macros = self.macros.borrow_mut();
            (
                macros.dialect().is_classic(),
                macros.classic_text(&include.path),
            )
        };
        let path = folder.join(&written);
        if is_classic && written.contains(['*', '?', '[']) {
            return self.include_all(&include, &path);
        }
        self.include_one(&include, path)
    }

    /// Reads every file whose path matches, in the order of their names.
    fn include_all(&mut self, include: &Include, pattern: &Path) -> Parsed<()> {
        let at =
            |message: String| Box::new(Diagnostic::error(Code::Io, message).at(&include.span, ""));
        let found = glob::glob(&pattern.to_string_lossy())
            .map_err(|e| at(format!("this pattern is wrong: {}", e.msg)))?;
        let mut any = false;
        for path in found {
            any = true;
            let path =
                path.map_err(|e| at(format!("cannot read {}: {}", e.path().display(), e.error())))?;
            self.include_one(include, path)?;
        }
        if any || include.optional {
            return Ok(());
        }
        let error = at(format!("no file matches {}", pattern.display()));
        Err(error.help_boxed("`osource` may match none"))
    }

    fn include_one(&mut self, include: &Include, path: PathBuf) -> Parsed<()> {
        let id = identity(&path);
        if let Some(first) = self.chain.iter().position(|(other, _)| *other == id) {
            let mut error = Diagnostic::error(
                Code::RecursiveSource,
                format!("{} includes itself", path.display()),
            )
            .at(&include.span, "which is being read already")
            .help("remove one of these lines");
            for (_, span) in self.chain[first..].iter().rev() {
                if let Some(span) = span {
                    error = error.at(span, "included from here");
                }
            }
            return Err(Box::new(error));
        }
        self.inclusions += 1;
        for (found, bound, what) in [
            (self.chain.len(), MAX_INCLUDES, "deep"),
            (self.inclusions, MAX_FILES, "files in all"),
        ] {
            if found > bound {
                self.stop = true;
                let error = Diagnostic::error(
                    Code::Limit,
                    format!("inclusion exceeds the bound: {bound} {what}"),
                );
                return Err(Box::new(
                    error
                        .at(&include.span, "")
                        .help("look for a chain of files that repeats"),
                ));
            }
        }
        let file = match read(&path, &self.macros.borrow().name(&path)) {
            Ok(file) => file,
            Err(_) if include.optional && !path.exists() => return Ok(()),
            Err(error) if error.code == Code::Io => {
                return Err(Box::new((*error).at(&include.span, "included here").help(
                    match include.relative {
                        true => "the path is relative to the folder of this file".to_owned(),
                        false => {
                            format!("the path is relative to {}", display_folder(&self.srctree))
                        }
                    },
                )));
            }
            Err(error) => return Err(error),
        };
        self.files.push(path);
        if let Some(last) = self.chain.last_mut() {
            last.1 = Some(include.span.clone());
        }
        self.chain.push((id, None));
        self.parse_file(file);
        self.chain.pop();
        Ok(())
    }
}
