//! Finds ids that cannot be keys of a PostgreSQL table. PostgreSQL's text type cannot hold U+0000, and replacing that
//! character could make two ids equal. An index holds no key longer than a third of a page. Records with such ids are
//! set aside at this destination: the rest is delivered, and each delivery names them until they are gone from the
//! source.

use std::collections::BTreeSet;

use crate::error::escape;

/// The longest id, in bytes, that a primary key's index can hold: 2,704 bytes for an entry, less two headers.
pub const LONGEST: usize = 2692;

/// The largest number of such records that are named.
const NAMED: usize = 1000;

/// Returns whether an id can be a key of the table.
pub fn is_key(id: &str) -> bool {
    id.len() <= LONGEST && memchr::memchr(0, id.as_bytes()).is_none()
}

/// The escaped ids of a stream's records that the table cannot hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside(BTreeSet<String>);

impl Aside {
    /// Begins with the records that earlier deliveries could not write.
    pub fn before(names: Vec<String>) -> Aside {
        Aside(names.into_iter().collect())
    }

    /// Adds a record whose id cannot be a key. If `is_there` is not set, the record is gone from the source and is
    /// removed instead.
    pub fn put(&mut self, id: &str, is_there: bool) {
        let name = escape(id);
        if !is_there {
            self.0.remove(&name);
        } else if self.0.len() < NAMED {
            self.0.insert(name);
        }
    }

    /// Returns the escaped ids of these records, which can safely be displayed and stored.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_index_takes_is_no_key() {
        assert!(is_key("a") && is_key("") && is_key("a\u{fffd}b") && is_key(&"x".repeat(LONGEST)));
        assert!(!is_key("a\0b") && !is_key("\0") && !is_key(&"x".repeat(LONGEST + 1)) && !is_key(&"ş".repeat(LONGEST)));
    }

    #[test]
    fn what_is_gone_is_not_named_any_more() {
        let mut aside = Aside::before(vec!["a\\u{0}b".into()]);
        aside.put("c\0", true);
        assert_eq!(aside.names(), ["a\\u{0}b", "c\\u{0}"]);
        aside.put("a\0b", false);
        assert_eq!(aside.names(), ["c\\u{0}"]);
        (0..2 * NAMED).for_each(|n| aside.put(&format!("{n}\0"), true));
        assert_eq!(aside.names().len(), NAMED);
    }
}
