//! Collects the names that the source's dialect uses, such as those in a job file, because the lists of usual names
//! may not contain them.

use crate::dialect::Dialect;
use crate::streams::Stream;

/// The names to test, by what they name.
#[derive(Debug, Default)]
pub(super) struct SeedWords {
    /// Root fields, each with the streams that it lists.
    pub roots: Vec<(String, Vec<Stream>)>,
    /// The names of arguments and of fields of input objects.
    pub arguments: Vec<String>,
    /// The names of members of envelopes.
    pub members: Vec<String>,
}

impl SeedWords {
    /// Returns a dialect's names for the lists of these streams.
    pub fn of_lists(dialect: &Dialect, streams: &[Stream]) -> SeedWords {
        let mut said = SeedWords::default();
        for (stream, part) in streams.iter().filter_map(|s| Some((*s, dialect.stream(*s).ok()?))) {
            let list = &part.list;
            said.roots.push((part.operation.clone(), vec![stream]));
            let given = [&list.page, &list.size].into_iter().chain(&part.parent).chain(list.arguments.keys());
            said.arguments.extend(given.flat_map(|path| words(path)));
            let told = [&list.items, &list.total, &list.has_next, &list.next_cursor, &list.row_cursor];
            let verdict = [&list.success, &list.code, &list.message];
            said.members.extend(told.into_iter().chain(verdict).flat_map(|path| words(path)));
        }
        said
    }

    /// Returns a dialect's names for the mutation that generates a token.
    pub fn of_token(dialect: &Dialect) -> SeedWords {
        let t = &dialect.token;
        let given = [&t.input, &t.client_id, &t.client_secret].into_iter().chain(t.arguments.keys());
        let told = [&t.access_token, &t.expires_in, &t.success, &t.code, &t.message];
        SeedWords {
            roots: vec![(t.operation.clone(), Vec::new())],
            arguments: given.flat_map(|path| words(path)).collect(),
            members: told.into_iter().flat_map(|path| words(path)).collect(),
        }
    }
}

/// Returns the names on a dotted path.
fn words(path: &str) -> impl Iterator<Item = String> {
    path.split('.').filter(|word| !word.is_empty()).map(str::to_owned)
}
