//! Text for a terminal: widths, cutting and wrapping by columns.
//!
//! Nothing here assumes that a character is one column wide.

use ratatui::text::Span;

/// The columns a text takes.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text with tabs as spaces and without other control characters.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => {
                let column = width(&out) % 8;
                out.extend(std::iter::repeat_n(' ', 8 - column));
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// As much of the text as fits; with `...` at the end if that is not all.
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let dots = if columns > 6 { "..." } else { "" };
    let mut out = String::new();
    let mut used = 0;
    for character in text.chars() {
        let wide = width(character.encode_utf8(&mut [0; 4]));
        if used + wide + dots.len() > columns {
            break;
        }
        used += wide;
        out.push(character);
    }
    out + dots
}

/// The end of the text, as much as fits; with `...` before it if that is not all.
pub fn clip_start(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let reversed: String = text.chars().rev().collect();
    clip(&reversed, columns).chars().rev().collect()
}

/// The lines of a text, wrapped between words; continued lines keep the indentation.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut out = Vec::new();
    for line in text.split('\n') {
        let line = plain(line.trim_end());
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let indent = if indent.len() * 2 > columns {
            String::new()
        } else {
            indent
        };
        let mut current = String::new();
        for word in line.split_inclusive(' ') {
            let fits = width(&current) + width(word.trim_end()) <= columns;
            if !fits && !current.trim().is_empty() {
                out.push(current.trim_end().to_owned());
                current.clone_from(&indent);
                if word.trim().is_empty() {
                    continue;
                }
            }
            current.push_str(word);
            while width(current.trim_end()) > columns {
                let (head, tail) = split(&current, columns);
                out.push(head);
                current = indent.clone() + &tail;
            }
        }
        out.push(current.trim_end().to_owned());
    }
    out
}

fn split(text: &str, columns: usize) -> (String, String) {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += width(character.encode_utf8(&mut [0; 4]));
        if used > columns && at > 0 {
            return (text[..at].to_owned(), text[at..].to_owned());
        }
    }
    (text.to_owned(), String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wrap_between_words_and_keep_their_indentation() {
        assert_eq!(
            wrap("  one two three\nfour", 10),
            ["  one two", "  three", "four"]
        );
        assert_eq!(wrap("abcdefghijkl", 8), ["abcdefgh", "ijkl"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("a\tb", 20), ["a       b"]);
    }

    #[test]
    fn what_does_not_fit_is_cut_at_a_character() {
        assert_eq!(clip("abcdefgh", 8), "abcdefgh");
        assert_eq!(clip("abcdefghi", 8), "abcde...");
        assert_eq!(clip("漢字漢字漢字", 7), "漢字...");
        assert_eq!(
            clip_start("abcdefghi", 8),
            "...defghi"[..3].to_owned() + "efghi"
        );
        assert_eq!(clip("abc", 0), "");
    }
}
