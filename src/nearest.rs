//! Finds the known name closest to a mistyped one, for error messages.

/// The candidate closest to `name`, if it is close enough to be a typo: equal but for case, `-` and
/// `_`, or at most one edit for each four letters of the candidate, where a replaced letter counts
/// twice: `game` is a different name, not a mistyped `gate`. The first of equally close ones.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = folded(name);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let folded = folded(candidate);
            let edits = distance(&name, &folded);
            (edits <= folded.len() / 4).then_some((edits, candidate))
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "candidate"?`, or nothing: the tail of a message about an unknown name.
pub(crate) fn did_you_mean(candidate: Option<&str>) -> String {
    candidate.map(|candidate| format!("; did you mean {candidate:?}?")).unwrap_or_default()
}

fn folded(name: &str) -> Vec<char> {
    // Names are short; a longer text is not a typo, and would cost quadratic time.
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).take(64).collect()
}

/// Edits (insert, delete, swap neighbours; replace is two) that turn `a` into `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + 2 * usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_of_the_hand_and_nothing_else() {
        let known = ["clientPort", "host", "port", "id", "max-connections"];
        for (name, found) in [
            ("clientport", Some("clientPort")),
            ("client_port", Some("clientPort")),
            ("cleintPort", Some("clientPort")),
            ("prot", Some("port")),
            ("maxConnections", Some("max-connections")),
            ("ID", Some("id")),
            ("is", None),
            ("weight", None),
            ("", None),
            ("cliemtPort", Some("clientPort")),
            ("pots", None),
        ] {
            assert_eq!(nearest(name, known), found, "{name}");
        }
    }
}
