//! What a shell and `man` know about the program: made from the same description as the help.

use std::path::Path;

use crate::context::{Failure, print};
use crate::files;

/// Completions for a shell, to standard output.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "kconf", &mut out);
    print(&String::from_utf8_lossy(&out))
}

/// `kconf.1` and a page for each command.
pub fn manual(folder: &Path) -> Result<(), Failure> {
    let failed =
        |e: std::io::Error| Failure::Other(format!("cannot write to {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut command = crate::command();
    // Options for all commands become part of each one's page.
    command.build();
    let mut pages = vec![command.clone()];
    pages.extend(
        command
            .get_subcommands()
            .filter(|c| c.get_name() != "help")
            .cloned(),
    );
    for page in pages {
        let name = page
            .get_display_name()
            .unwrap_or_else(|| page.get_name())
            .to_owned();
        let mut out = Vec::new();
        clap_mangen::Man::new(page)
            .render(&mut out)
            .map_err(failed)?;
        files::write(
            &folder.join(format!("{name}.1")),
            &String::from_utf8_lossy(&out),
        )?;
    }
    Ok(())
}
