//! The part of the style that a machine can check: links, widths, spelling, and words to avoid.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pomelo_sim::guide::{PAGES, anchor};
use typos_dict::WORD;
use unicase::UniCase;

use super::additions_console::files;

/// Widest line of README and guide, and widest comment.
const COLUMNS_MAX: usize = 100;

/// Words of the style page that have another sense as well: a door, a law of chance, a beat.
const AMBIGUOUS: [&str; 17] = [
    "door", "strike", "change", "release", "adopt", "held", "heard", "said", "told", "beat", "station",
    "fate", "law", "is no X", "orphan", "deed", "promise",
];

fn pages() -> Vec<(PathBuf, String)> {
    let files = std::iter::once("README.md").chain(PAGES.iter().map(|page| page.file));
    files.map(|file| (file.into(), fs::read_to_string(file).unwrap())).collect()
}

/// Without blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut kept = String::new();
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        if !is_code && !is_fence {
            kept += line;
        }
        kept.push('\n');
        is_code ^= is_fence;
    }
    kept
}

/// Without code inside of lines.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Where the links of a text lead, with the line that each is on. Those of references too.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in prose(text).lines().enumerate() {
        let line = without_code(line);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, to)| to);
        found.extend(inline.chain(reference).map(|to| (index + 1, to.to_owned())));
    }
    found
}

#[test]
fn links_and_anchors_resolve() {
    let mut count = 0;
    let mut broken = Vec::new();
    for (file, text) in pages() {
        for (line, link) in links(&text) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (path, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let folder = file.parent().unwrap_or(Path::new(""));
            let target = if path.is_empty() { file.clone() } else { folder.join(path) };
            let resolves = target.exists()
                && (fragment.is_empty()
                    || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(fragment)));
            if !resolves {
                broken.push(format!("{}:{line}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(count > 30, "only {count} links");
}

#[test]
fn lines_are_narrow_and_the_front_page_is_short() {
    let mut wide = Vec::new();
    for (file, text) in pages() {
        let lines = text.lines().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
        wide.extend(lines.map(|(index, line)| format!("{}:{}: {line}", file.display(), index + 1)));
    }
    assert!(wide.is_empty(), "lines over {COLUMNS_MAX} columns:\n{}", wide.join("\n"));
    assert!(include_str!("../../README.md").lines().count() <= 200);
    assert_eq!(include_str!("../../README.md").lines().nth(2), Some("```sh"));
}

/// The words of the style page's column "not" and of its line "Also avoid".
fn avoided() -> BTreeSet<String> {
    let style = include_str!("../../src/guide/style.md");
    let (_, terms) = style.split_once("| write | not |\n").unwrap();
    let rows = terms.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = rows.flat_map(|row| row.split('|').nth(2).unwrap().split(','));
    let in_table = cells.map(|word| word.split('(').next().unwrap().trim().to_owned());
    let (_, also) = style.split_once("Also avoid: ").unwrap();
    let also = also.split("\n\n").next().unwrap();
    let in_line = also.split('"').skip(1).step_by(2).map(|word| word.trim_end_matches(" …").to_owned());
    let words: BTreeSet<String> = in_table.chain(in_line).map(|word| word.to_lowercase()).collect();
    let is_ambiguous = |word: &String| {
        AMBIGUOUS.iter().any(|known| known.to_lowercase() == *word) || word.contains("(write")
    };
    words.into_iter().filter(|word| !is_ambiguous(word) && !word.starts_with("is not an")).collect()
}

/// Whether a text has these words, as whole ones.
fn has(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + words.len()..].chars().next())
    })
}

/// Every Rust file of some folders, with its text.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let files = folders.iter().flat_map(|folder| files(folder, ".rs"));
    files.map(|(file, text)| (PathBuf::from(file), text)).collect()
}

/// The comments of a source, each on its line.
fn comments(text: &str) -> String {
    let comment = |line: &str| line.split_once("//").map_or(String::new(), |(_, text)| text.to_owned());
    text.lines().map(comment).collect::<Vec<_>>().join("\n")
}

/// The comments of every Rust file of some folders.
fn commented(folders: &[&str]) -> Vec<(PathBuf, String)> {
    sources(folders).into_iter().map(|(file, text)| (file, comments(&text))).collect()
}

/// Drawings, tables and code in comments keep their lines.
#[test]
fn comments_are_narrow() {
    let mut wide = Vec::new();
    for (file, text) in sources(&["src", "tests", "benches"]) {
        let mut is_code = false;
        for (index, line) in text.lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
            let comment = comment.trim_start_matches(['/', '!']).trim_start();
            is_code ^= comment.starts_with("```");
            if line.chars().count() > COLUMNS_MAX && !is_code && !comment.starts_with('|') {
                wide.push(format!("{}:{}: {line}", file.display(), index + 1));
            }
        }
    }
    assert!(wide.is_empty(), "comments over {COLUMNS_MAX} columns:\n{}", wide.join("\n"));
}

#[test]
fn words_to_avoid_do_not_come_back() {
    let avoided = avoided();
    for word in ["under way", "in hand", "who looks", "of its own", "comes of", "so many", "none: no"] {
        assert!(avoided.contains(word), "{word} in {avoided:?}");
    }
    // The style page names them.
    let mut texts: Vec<_> =
        pages().into_iter().filter(|(file, _)| !file.ends_with("guide/style.md")).collect();
    texts.extend(commented(&["src"]));
    let mut wrong = Vec::new();
    for (file, text) in texts {
        for (index, line) in prose(&text).lines().enumerate() {
            let line = without_code(line).to_lowercase();
            let met = avoided.iter().filter(|word| has(&line, word));
            wrong.extend(met.map(|word| format!("{}:{}: {word}", file.display(), index + 1)));
        }
    }
    assert!(wrong.is_empty(), "see src/guide/style.md for what to write instead:\n{}", wrong.join("\n"));
    assert!(has("in hand.", "in hand") && !has("besides", "beside"));
}

/// Names that look like misspellings.
const NAMES: [&str; 1] = ["SimPy"];

/// What a common misspelling stands for.
fn meant(word: &str) -> Option<&'static [&'static str]> {
    WORD.find(&UniCase::new(word)).filter(|_| !NAMES.contains(&word)).copied()
}

#[test]
fn words_are_spelt_right() {
    assert_eq!(meant("Recieve"), Some(&["receive"][..]));
    let mut texts = pages();
    texts.extend(commented(&["src", "tests", "benches"]));
    let mut wrong = Vec::new();
    for (file, text) in texts {
        for (index, line) in prose(&text).lines().enumerate() {
            for word in without_code(line).split(|c: char| !c.is_alphabetic()) {
                if let Some(meant) = meant(word) {
                    let meant = meant.join(" or ");
                    wrong.push(format!("{}:{}: {word}: perhaps {meant}", file.display(), index + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "misspelt words:\n{}", wrong.join("\n"));
}

/// A file's text as one line, without the marks of comments.
fn flat(text: &str) -> String {
    let words =
        text.lines().flat_map(|line| line.trim_start().trim_start_matches(['/', '!', '*']).split(' '));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_examples_of_the_style_stand_in_the_code() {
    let style = include_str!("../../src/guide/style.md");
    let mut count = 0;
    for example in style.split("\nFrom `").skip(1) {
        let file = example.split('`').next().unwrap();
        let quote: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix("> ")).collect();
        let quote = quote.join(" ");
        assert!(
            !quote.is_empty() && flat(&fs::read_to_string(file).unwrap()).contains(&quote),
            "{file}: {quote}"
        );
        count += 1;
    }
    assert_eq!(count, 5);
}
