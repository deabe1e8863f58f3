//! Tests that no two types that are visible outside their module have the same name, so that a name in a signature or
//! in a message of the compiler leads to one file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::layers::files;

/// Returns the names of the types that a file makes visible to other modules.
fn shown(text: &str) -> Vec<&str> {
    let code = text.lines().take_while(|line| *line != "mod tests {");
    let declared = code.filter_map(|line| {
        let rest = line.trim_start().strip_prefix("pub")?;
        let rest = match rest.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1,
            None => rest,
        };
        let (kind, name) = rest.trim_start().split_once(' ')?;
        ["struct", "enum", "trait", "type"].contains(&kind).then_some(name)
    });
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    // In a macro the name is a variable.
    declared.map(|rest| &rest[..name(rest)]).filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_two_types_that_leave_their_module_have_one_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files(&root) {
        let within = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        if within.ends_with("tests.rs") || within.contains("/tests/") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        for name in shown(&text) {
            all.entry(name.to_owned()).or_default().push(within.clone());
        }
    }
    assert!(all.len() > 300, "only {} types", all.len());
    all.retain(|_, places| places.len() > 1);
    assert!(all.is_empty(), "one name for several types: {all:#?}");
}

#[test]
fn a_type_is_found_however_far_it_is_shown() {
    let text = "pub struct A;\npub(crate) enum B<T> {\n    pub(super) type C = u8;\nstruct D;\npub fn e() {}\nmod tests {\npub struct F;";
    assert_eq!(shown(text), ["A", "B", "C"]);
}
