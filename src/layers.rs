//! Tests that modules import only modules below them. The allowed order is the table under "Layers" in the
//! documentation of `lib.rs`, which this test reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Returns the number of the table's line for each top-level module. Modules in the same line may not import one
/// another.
fn lines() -> BTreeMap<String, usize> {
    let page = include_str!("lib.rs");
    let table = page.split("# Layers").nth(1).and_then(|rest| rest.split("```text").nth(1)).expect("the table");
    let table = table.split("```").next().expect("its end");
    let rows = table.lines().map(|line| line.trim_start_matches("//!").trim()).filter(|line| !line.is_empty());
    rows.enumerate().flat_map(|(n, row)| row.split('│').map(move |room| (room.trim().to_owned(), n))).collect()
}

/// Returns the Rust files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
    all
}

/// Returns the top-level modules that a file's code imports. Its tests may import any module.
fn imports(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().take_while(|line| *line != "mod tests {").collect();
    let code = code.into_iter().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut all = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                all.extend(group.split(',').map(|one| name(one.trim())));
            }
            None => all.push(name(rest)),
        }
    }
    // `say!` is exported at the root of the crate, wherever it is defined, so it names no module.
    all.retain(|room| !room.is_empty() && room != "say");
    all
}

/// Returns a file's top-level module: the folder below `src`, or the file itself.
fn room(path: &Path) -> String {
    let first = path.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Returns a message for each import of the module `room` that is not from a line below its own.
fn wrong(lines: &BTreeMap<String, usize>, room: &str, imports: &[String]) -> Vec<String> {
    let Some(own) = lines.get(room) else { return vec![format!("{room} stands in no line of the table")] };
    let mut wrong = Vec::new();
    for other in imports.iter().filter(|other| *other != room) {
        match lines.get(other) {
            None => wrong.push(format!("{room} imports {other}, which stands in no line of the table")),
            Some(line) if line <= own => wrong.push(format!("{room} imports {other}, which does not stand below it")),
            Some(_) => {}
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

#[test]
fn every_import_points_down() {
    let (lines, root) = (lines(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(lines.len() > 20 && lines["main"] == 0, "{lines:?}");
    let mut all = Vec::new();
    for path in files(&root) {
        let within = path.strip_prefix(&root).expect("below src");
        let name = within.to_string_lossy();
        if ["lib.rs", "layers.rs", "type_names.rs", "any_input.rs", "checklists.rs", "circles.rs"].contains(&&*name)
            || name.ends_with("tests.rs")
            || name.contains("/tests/")
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        all.extend(wrong(&lines, &room(within), &imports(&text)).into_iter().map(|why| format!("{name}: {why}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn an_arrow_that_points_up_or_sideways_is_found() {
    let lines = lines();
    let found = |room: &str, code: &str| wrong(&lines, room, &imports(code));
    assert_eq!(found("source", "use crate::error::Error;\nuse crate::{clock, streams};\n"), Vec::<String>::new());
    for (room, code) in [
        ("source", "use crate::mirror::store::Mirror;"),
        ("mirror", "use crate::{error, source};"),
        ("destinations", "fn f() { crate::sync::run::run() }"),
        ("error", "use crate::source::Source;"),
        ("streams", "use crate::unheard_of;"),
    ] {
        assert_eq!(found(room, code).len(), 1, "{code}");
    }
    assert_eq!(found("source", "/// [`crate::sync`]\nmod x;\nmod tests {\nuse crate::sync;\n}"), Vec::<String>::new());
}
