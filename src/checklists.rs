//! Tests that the checklists in the documentation of `lib.rs` name files and tests that exist.

use std::path::{Path, PathBuf};

use crate::layers::files;

/// The headings of the checklists.
const CHECKLISTS: [&str; 5] =
    ["Add a column", "Add a stream", "Add a destination", "Add a paging style", "Add a job key"];

/// Returns the lines of the section "Checklists".
fn section(page: &str) -> Vec<&str> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
    lines.skip_while(|line| *line != "# Checklists").skip(1).take_while(|line| !line.starts_with("# ")).collect()
}

/// Returns the parts of a Markdown text that are in code font.
fn in_code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    word.contains('/') || Path::new(word).extension().is_some()
}

fn is_test(word: &str) -> bool {
    word.matches('_').count() > 2 && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Returns a message for each mistake in a section of checklists. `exists` says whether a path exists, `is_declared`
/// whether a test does.
fn wrong(section: &[&str], exists: impl Fn(&str) -> bool, is_declared: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut wrong, mut list, mut rows) = (Vec::new(), "", 0);
    for line in section {
        if let Some(heading) = line.strip_prefix("## ") {
            (list, rows) = (heading, 0);
        }
        for test in in_code(line).filter(|word| is_test(word) && !is_declared(word)) {
            wrong.push(format!("{list}: there is no test `{test}`"));
        }
        let Some(row) = line.strip_prefix("| `") else { continue };
        rows += 1;
        let cells: Vec<&str> = row.split(" |").collect();
        let [paths, what, guards, ""] = cells[..] else {
            wrong.push(format!("{list}: a row without three cells: {line}"));
            continue;
        };
        for path in in_code(&format!("`{paths}")).filter(|path| !is_path(path) || !exists(path)) {
            wrong.push(format!("{list}: there is no file `{path}`"));
        }
        if what.trim().is_empty() {
            wrong.push(format!("{list}: `{paths} without what to write there"));
        }
        if rows > 1 && !guards.contains("compiler") && !in_code(guards).any(is_test) {
            wrong.push(format!("{list}: nothing fails when `{paths} is forgotten"));
        }
    }
    wrong
}

/// Returns the names of the tests below a folder.
fn tests_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for path in files(folder) {
        let text = std::fs::read_to_string(&path).expect("a file");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let is_marked =
                ["#[test]", "#[tokio::test]"].iter().any(|mark| lines[at.saturating_sub(1)].starts_with(mark));
            let name = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split_once('('));
            names.extend(name.filter(|_| is_marked).map(|(name, _)| name.to_owned()));
        }
    }
    names
}

#[test]
fn every_file_and_every_test_of_the_checklists_exists() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let section = section(include_str!("lib.rs"));
    let headings: Vec<&str> = section.iter().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, CHECKLISTS, "src/lib.rs: the headings of the checklists");
    let declared = [tests_below(&root.join("src")), tests_below(&root.join("tests"))].concat();
    assert!(declared.len() > 500, "only {} tests", declared.len());
    let all = wrong(&section, |path| root.join(path).exists(), |test| declared.iter().any(|name| name == test));
    assert!(all.is_empty(), "src/lib.rs: # Checklists:\n{}", all.join("\n"));
}

#[test]
fn a_row_that_lies_is_found() {
    let found = |row: &str| {
        let section = ["## L", "| file | write there | fails without it |", "| `a.rs` | it | |", row];
        wrong(&section, |path| path == "a.rs" || path == "b/c.rs", |test| test == "it_is_right_there")
    };
    for right in
        ["| `b/c.rs` | it | compiler |", "| `a.rs`, `b/c.rs` | `x_y` | compiler, `it_is_right_there` |", "Some words."]
    {
        assert_eq!(found(right), Vec::<String>::new(), "{right}");
    }
    for (row, told) in [
        ("| `b/d.rs` | it | compiler |", "L: there is no file `b/d.rs`"),
        ("| `a.rs`, `d.rs` | it | compiler |", "L: there is no file `d.rs`"),
        ("| `a.rs` | it | `it_is_not_there` |", "L: there is no test `it_is_not_there`"),
        ("Held by `it_is_not_there`.", "L: there is no test `it_is_not_there`"),
        ("| `a.rs` | it | |", "L: nothing fails when `a.rs` is forgotten"),
        ("| `a.rs` | it |", "L: a row without three cells"),
    ] {
        assert!(found(row).iter().any(|wrong| wrong.starts_with(told)), "{row}: {:?}", found(row));
    }
}
