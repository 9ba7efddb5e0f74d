//! The boards as Kconfig shows them: one member of a choice for each folder of `boards/`.
//!
//! The text follows from the `board.toml` files alone, in the order of the folders' names, so it can be kept
//! in the tree (`configs/Kconfig.boards`, for tools that read Kconfig only) and compared.

use std::fmt::Write as _;
use std::path::Path;

use crate::diag::{Errors, Source};
use crate::schema::board;

/// How wide a line of help may be, without its indentation.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Generated from boards/*/board.toml by `make generate`: do not edit.

menu \"Board\"

choice
	prompt \"Board\"
";

const CHOICE_HELP: &str = "\thelp
\t  The machine the image is built for. It decides the load address, the linker script, the drivers that
\t  make sense and the memory plan; all of that is read from boards/<board>/board.toml.
";

const NAME_HELP: &str = "\thelp
\t  The name of the selected board's folder below boards/. It follows from the choice and cannot be set.
";

/// The text of `configs/Kconfig.boards` for the boards in that folder; `default` is the one chosen when nobody
/// chooses, if it is there.
///
/// # Errors
/// There is no board, or one's file cannot be read or is wrong.
pub fn board_menu(boards: &Path, default: &str) -> Result<String, Errors> {
    let unreadable =
        |error: std::io::Error| Errors::plain(format!("cannot read {}: {error}", boards.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(boards).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().join("board.toml").is_file()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Errors::plain(format!(
            "{}: there is no board (a folder with board.toml)",
            boards.display()
        )));
    }
    let mut text = HEAD.to_owned();
    if names.iter().any(|name| name == default) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "\tdefault {}", symbol(default));
    }
    text.push_str(CHOICE_HELP);
    for name in &names {
        member(&mut text, boards, name)?;
    }
    text.push_str("\nendchoice\n\nconfig BOARD\n\tstring\n");
    for name in &names {
        let _ = writeln!(text, "\tdefault \"{name}\" if {}", symbol(name));
    }
    text.push_str(NAME_HELP);
    text.push_str("\nendmenu\n");
    Ok(text)
}

fn member(text: &mut String, boards: &Path, name: &str) -> Result<(), Errors> {
    let path = boards.join(name).join("board.toml");
    let source = Source::read(&path, "the board")?;
    let spec = board::read(&source).map_err(|diagnostics| Errors::of(&source, diagnostics))?;
    let title = if spec.title.is_empty() {
        name
    } else {
        &spec.title
    };
    let title = title.replace('\\', "\\\\").replace('"', "\\\"");
    let _ = writeln!(text, "\nconfig {}\n\tbool \"{title}\"", symbol(name));
    let _ = writeln!(text, "\timply UART_{}", spec.uart.kind.value.to_uppercase());
    text.push_str("\thelp\n");
    let help = if spec.help.trim().is_empty() {
        format!(
            "{}. What it consists of is in boards/{name}/board.toml.",
            spec.description
        )
    } else {
        spec.help
    };
    let mut line = String::new();
    for word in help.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "\t  {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "\t  {line}");
    Ok(())
}

/// The symbol of a board: its folder's name in capitals, whatever is neither letter nor digit as `_`.
fn symbol(name: &str) -> String {
    let word = name.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    });
    format!("BOARD_{}", word.collect::<String>())
}
