//! Tests that no files import one another in a circle, directly or through others.
//!
//! A file may import its own folder's `mod.rs`, and the `mod.rs` of every folder above. Such a file adds to what the
//! folder is about, as in `impl Walk`, so it cannot be read without it. The tests of a file may import any file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::layers::files;

/// Files that hold tests alone, or the whole crate.
const NOT_READ: [&str; 7] =
    ["lib.rs", "main.rs", "layers.rs", "circles.rs", "type_names.rs", "any_input.rs", "checklists.rs"];

/// Returns the module path of a file below `src`: `sync::walk` for `sync/walk/mod.rs`.
fn module(within: &str) -> String {
    let path = within.trim_end_matches(".rs").replace('/', "::");
    path.strip_suffix("::mod").map_or(path.clone(), str::to_owned)
}

/// Returns the code of a file without its comments and without its tests.
fn code_of(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns the paths that a `use` names: `a::{b, c::d}` names `a::b` and `a::c::d`.
fn named(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in inner.chars() {
        match c {
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        parts.last_mut().expect("a part").push(c);
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| named(part)).map(|path| format!("{before}{path}")).collect()
}

/// Returns the paths with `::` in a piece of code, outside of `use`.
fn written(code: &str) -> Vec<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let paths = code.split(|c| !is_path(c)).filter(|word| word.contains("::"));
    paths.map(|path| path.trim_matches(':').to_owned()).collect()
}

/// Returns the module whose file a path leads to, or `None` if it leads out of the crate. `of` is the module that
/// names the path, and `all` are all modules.
fn target(all: &BTreeSet<String>, of: &str, path: &str) -> Option<String> {
    let mut names = path.split("::").map(|name| name.split(" as ").next().unwrap_or_default().trim()).peekable();
    let mut at: Vec<&str> = of.split("::").collect();
    match *names.peek()? {
        "crate" => {
            at.clear();
            names.next();
        }
        "self" => {
            names.next();
        }
        "super" => {
            while names.next_if_eq(&"super").is_some() {
                at.pop();
            }
        }
        first if all.contains(&format!("{of}::{first}")) => {}
        _ => return None,
    }
    let mut found = Some(at.join("::")).filter(|at| all.contains(at));
    for name in names {
        at.push(name);
        let deeper = at.join("::");
        if !all.contains(&deeper) {
            break;
        }
        found = Some(deeper);
    }
    found
}

/// Returns the modules that each module imports, given the text of each module's file.
fn imports(texts: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let all: BTreeSet<String> = texts.keys().cloned().collect();
    let mut imports = BTreeMap::new();
    for (module, text) in texts {
        let code = code_of(text);
        let (mut paths, mut rest, mut inline) = (Vec::new(), code.as_str(), String::new());
        let mut imported = BTreeMap::new();
        while let Some(at) = rest.find("use ").filter(|_| rest.contains(';')) {
            let line = rest[..at].rfind('\n').map_or(0, |n| n + 1);
            let is_use = rest[line..at].trim().is_empty() || rest[line..at].trim().starts_with("pub");
            if !is_use {
                inline.push_str(&rest[..at + 4]);
                rest = &rest[at + 4..];
                continue;
            }
            let is_public = !rest[line..at].trim().is_empty();
            inline.push_str(&rest[..line]);
            let end = rest[at..].find(';').map_or(rest.len(), |n| at + n);
            for path in named(&rest[at + 4..end]) {
                let path = path.trim_end_matches("::self").to_owned();
                let name = path.rsplit([':', ' ']).next().unwrap_or_default().to_owned();
                imported.insert(name, path.split(" as ").next().unwrap_or_default().trim().to_owned());
                // What a folder hands on from its own files is no import.
                let is_own = |to: String| to.starts_with(&format!("{module}::"));
                if !(is_public && target(&all, module, &path).is_some_and(is_own)) {
                    paths.push(path);
                }
            }
            rest = &rest[end..];
        }
        inline.push_str(rest);
        for path in written(&inline) {
            let (first, behind) = path.split_once("::").unwrap_or((&path, ""));
            paths.push(imported.get(first).map_or(path.clone(), |full| format!("{full}::{behind}")));
        }
        let targets = paths.iter().filter_map(|path| target(&all, module, path));
        let others = targets.filter(|to| to != module && !module.starts_with(&format!("{to}::")));
        imports.insert(module.clone(), others.collect());
    }
    imports
}

/// Returns the modules that can be reached from `from`.
fn reached(imports: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = open.pop() {
        for next in imports.get(&module).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

/// Returns the modules that can be reached from themselves.
fn circular(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<&String> {
    imports.keys().filter(|module| reached(imports, module).contains(*module)).collect()
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    for path in files(&root) {
        let within = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        let is_test = within.ends_with("tests.rs") || within.contains("/tests/") || NOT_READ.contains(&within.as_str());
        if !is_test {
            texts.insert(module(&within), std::fs::read_to_string(&path).expect("a file"));
        }
    }
    let imports = imports(&texts);
    assert!(imports.len() > 250 && imports.values().map(BTreeSet::len).sum::<usize>() > 1000);
    assert_eq!(circular(&imports), Vec::<&String>::new(), "these files import themselves through others");
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let found = |files: &[(&str, &str)]| {
        let texts = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        circular(&imports(&texts)).len()
    };
    assert_eq!(found(&[("a", "use crate::b::B;"), ("b", "pub struct B;")]), 0);
    assert_eq!(found(&[("a", "use crate::b::B;"), ("b", "use crate::a::A;")]), 2);
    assert_eq!(found(&[("a", "use crate::{c, b::{self, B}};"), ("b", "fn f() { crate::a::f() }"), ("c", "")]), 2);
    assert_eq!(
        found(&[("a::x", "use super::y;"), ("a::y", "use crate::a::z::Z;"), ("a::z", "use super::x::{X};"), ("a", "")]),
        3
    );
    // A name that was imported leads where its module does.
    assert_eq!(found(&[("a", "use crate::b;\nfn f() { b::c::f() }"), ("b", ""), ("b::c", "use crate::a::f;")]), 2);
    // A folder's `mod.rs` may use its files, and they may use it; and it may hand on what they hold.
    assert_eq!(
        found(&[("a", "pub use self::b::B;\nfn f() { b::g() }"), ("a::b", "use super::f;\nuse crate::a::f;")]),
        0
    );
    // Comments and tests do not count.
    assert_eq!(
        found(&[("a", "use crate::b::B;"), ("b", "// use crate::a;\n\n#[cfg(test)]\nmod tests {\nuse crate::a;\n}")]),
        0
    );
}
