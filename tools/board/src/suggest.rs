//! "Did you mean": the closest of the names that would have been accepted.

/// The candidate closest to `word`, if it is close enough to be a slip of the keyboard or another spelling.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = normal(word);
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &normal(candidate)), candidate))
        .filter(|(d, _)| *d <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Case and the choice between `-` and `_` are not what makes a name different.
fn normal(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Edit distance in which swapping two neighbours counts as one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let keys = ["memory", "vcpus", "image", "on_crash", "name"];
        assert_eq!(closest("memroy", keys), Some("memory"));
        assert_eq!(closest("vcpu", keys), Some("vcpus"));
        assert_eq!(closest("on-crash", keys), Some("on_crash"));
        assert_eq!(closest("Name", keys), Some("name"));
        assert_eq!(closest("colour", keys), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(distance("uatr", "uart"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
