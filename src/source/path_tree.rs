//! Holds the paths of the values in an answer. A [`PathTree`] is the tree of a dialect's dotted paths. It writes the
//! selection of a query and reads the answer to it, so that the two cannot disagree.
//!
//! Reading is one pass over the body with borrowed JSON. Members on the way to a wanted value are entered, wanted
//! values are kept as raw text, and the rest is skipped. A list on the way is entered element by element
//! (`edges.node`).

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::envelope_members::holds_errors;

/// The meaning of the value at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The list of records, or of a list's rows in general.
    Items,
    /// The number of records in the list.
    Total,
    /// Whether another page of the list follows.
    HasNext,
    /// The cursor with which the next page is asked for.
    NextCursor,
    /// The cursor of a row. It is a member beside the row, not inside it.
    RowCursor,
    /// Whether the operation succeeded, as the payload states it.
    Success,
    /// The error code inside the payload, not that of `errors`.
    Code,
    /// The error message inside the payload, not that of `errors`.
    Message,
    /// The access token.
    AccessToken,
    /// The token's lifetime, in seconds.
    ExpiresIn,
}

/// The tree of a dialect's dotted paths. `data.docs` and `data.total` share the node `data`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PathTree {
    want: Option<Want>,
    children: Vec<(String, PathTree)>,
}

/// The values that a [`PayloadReader`] found in one payload.
#[derive(Debug, Default)]
pub struct PayloadValues<'b> {
    /// The rows, or `None` if the payload has no list at the expected path.
    pub items: Option<Vec<&'b RawValue>>,
    /// The cursors of the rows; empty if rows have none.
    pub cursors: Vec<&'b RawValue>,
    /// The `errors` member of the payload, which some servers send although no query selects it.
    pub errors: Option<&'b RawValue>,
    values: Vec<(Want, &'b RawValue)>,
}

impl<'b> PayloadValues<'b> {
    /// Returns the raw JSON of a value, or `None` if the value is missing or `null`.
    pub fn get(&self, want: Want) -> Option<&'b str> {
        self.values.iter().find(|(w, _)| *w == want).map(|(_, raw)| raw.get()).filter(|raw| *raw != "null")
    }

    /// Returns the raw JSON of a value, which may be `null`, or `None` if the value is missing.
    pub fn says(&self, want: Want) -> Option<&'b str> {
        self.values.iter().find(|(w, _)| *w == want).map(|(_, raw)| raw.get())
    }

    /// Returns the value that `want` selects as plain text: a string without its quotation marks, any other value as
    /// its JSON. Returns `None` if the value is missing or `null`.
    pub fn text(&self, want: Want) -> Option<String> {
        let raw = self.get(want)?;
        if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { Some(raw.to_owned()) }
    }

    /// Returns the cursors of the rows, or an empty list if one of them is not a string.
    pub fn row_cursors(&self) -> Vec<Box<str>> {
        let texts = self.cursors.iter().map(|raw| serde_json::from_str::<Box<str>>(raw.get()));
        texts.collect::<std::result::Result<_, _>>().unwrap_or_default()
    }

    /// Returns the value that `want` selects as a number, or `None` if it is neither a number nor a string that holds
    /// one.
    pub fn number(&self, want: Want) -> Option<f64> {
        crate::number::finite(&self.text(want)?)
    }
}

impl PathTree {
    /// Builds the tree of these dotted paths. An empty path means that the dialect has no such path. Only for
    /// [`Want::Items`] it means that the operation returns the bare list; there is then no envelope around the list
    /// that could hold other values.
    pub fn new(paths: &[(Want, &str)]) -> PathTree {
        if paths.iter().any(|(want, path)| *want == Want::Items && path.is_empty()) {
            return PathTree { want: Some(Want::Items), children: Vec::new() };
        }
        let mut root = PathTree::default();
        for (want, path) in paths.iter().filter(|(_, path)| !path.is_empty()) {
            let mut node = &mut root;
            for part in path.split('.') {
                let at = node.children.iter().position(|(name, _)| name == part).unwrap_or_else(|| {
                    node.children.push((part.to_owned(), PathTree::default()));
                    node.children.len() - 1
                });
                node = &mut node.children[at].1;
            }
            node.want = Some(*want);
        }
        root
    }

    /// Returns the GraphQL selection that asks for every value in the tree, and for `fields` of each row.
    pub fn selection(&self, fields: &str) -> String {
        if self.want == Some(Want::Items) {
            return format!(" {{ {fields} }}");
        }
        if self.children.is_empty() {
            return String::new();
        }
        let inner: Vec<String> =
            self.children.iter().map(|(name, child)| format!("{name}{}", child.selection(fields))).collect();
        format!(" {{ {} }}", inner.join(" "))
    }

    /// Returns a reader that stores the values of one payload in `found`.
    pub fn reader<'s, 'f, 'b>(&'s self, found: &'f mut PayloadValues<'b>) -> PayloadReader<'s, 'f, 'b> {
        PayloadReader { shape: self, found, inside_list: false }
    }
}

/// Reads one payload into a [`PayloadValues`]. [`PathTree::reader`] creates it.
pub struct PayloadReader<'s, 'f, 'b> {
    shape: &'s PathTree,
    found: &'f mut PayloadValues<'b>,
    inside_list: bool,
}

impl<'b> DeserializeSeed<'b> for PayloadReader<'_, '_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape.want {
            Some(Want::Items) if self.inside_list => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.found.items.get_or_insert_default().push(raw);
                Ok(())
            }
            None | Some(Want::Items) => deserializer.deserialize_any(self),
            Some(Want::RowCursor) => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.found.cursors.push(raw);
                Ok(())
            }
            Some(want) => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.found.values.push((want, raw));
                Ok(())
            }
        }
    }
}

impl<'b> Visitor<'b> for PayloadReader<'_, '_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an answer")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key.contains(char::REPLACEMENT_CHARACTER) {
                return Err(serde::de::Error::custom("a member's name is broken"));
            }
            match self.shape.children.iter().find(|(name, _)| *name == key) {
                Some((_, child)) => {
                    map.next_value_seed(PayloadReader {
                        shape: child,
                        found: self.found,
                        inside_list: self.inside_list,
                    })?;
                }
                None if key == "errors" && !self.inside_list => {
                    let raw = map.next_value::<&RawValue>()?;
                    if holds_errors(raw) {
                        self.found.errors = Some(raw);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        let wanted = self.shape.want == Some(Want::Items) || !self.shape.children.is_empty();
        if wanted {
            // An empty list on the way to the rows has no elements to enter, so it shows nothing about the rows. Only
            // a connection's `edges` without elements are an empty page.
            let is_edges =
                self.shape.children.iter().any(|(name, child)| name == "node" && child.want == Some(Want::Items));
            if self.shape.want == Some(Want::Items) || is_edges {
                self.found.items.get_or_insert_default();
            }
            while seq
                .next_element_seed(PayloadReader { shape: self.shape, found: self.found, inside_list: true })?
                .is_some()
            {}
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'b>(shape: &PathTree, json: &'b str) -> PayloadValues<'b> {
        let mut found = PayloadValues::default();
        let mut de = serde_json::Deserializer::from_str(json);
        shape.reader(&mut found).deserialize(&mut de).expect("JSON");
        found
    }

    #[test]
    fn one_tree_writes_the_selection_and_reads_the_answer() {
        let shape = PathTree::new(&[
            (Want::Success, "success"),
            (Want::Items, "data.docs"),
            (Want::Total, "data.totalDocs"),
            (Want::HasNext, ""),
        ]);
        assert_eq!(shape.selection("_id tags { name }"), " { success data { docs { _id tags { name } } totalDocs } }");
        let found =
            read(&shape, r#"{"x":[1,{"docs":2}],"success":true,"data":{"docs":[{"_id":"a"},null],"totalDocs":"7"}}"#);
        let items: Vec<&str> = found.items.as_ref().expect("items").iter().map(|r| r.get()).collect();
        assert_eq!(items, [r#"{"_id":"a"}"#, "null"]);
        assert_eq!((found.get(Want::Success), found.number(Want::Total)), (Some("true"), Some(7.0)));
    }

    #[test]
    fn bare_lists_and_relay_edges_are_read() {
        let bare = PathTree::new(&[(Want::Items, ""), (Want::Success, "success")]);
        assert_eq!(bare.selection("_id"), " { _id }");
        assert_eq!(read(&bare, "[{},{}]").items.expect("items").len(), 2);
        let relay = PathTree::new(&[(Want::Items, "edges.node"), (Want::Total, "totalCount")]);
        assert_eq!(relay.selection("id"), " { edges { node { id } } totalCount }");
        let found = read(&relay, r#"{"edges":[{"cursor":"c","node":{"id":1}},{"node":{"id":2}}],"totalCount":2}"#);
        assert_eq!(found.items.as_ref().expect("items").len(), 2);
        assert!(read(&relay, r#"{"edges":[]}"#).items.expect("an empty list is a list").is_empty());
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let shape = PathTree::new(&[(Want::Items, "data.docs"), (Want::Code, "code")]);
        for json in ["null", r#"{"data":null,"code":null}"#, r#"{"data":{"docs":"x"}}"#, "3"] {
            let found = read(&shape, json);
            assert!(found.items.is_none(), "{json}");
            assert_eq!(found.get(Want::Code), None);
        }
    }
}
