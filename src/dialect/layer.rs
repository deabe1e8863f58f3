//! Stacks the layers of a dialect. The shipped dialect is the lowest. Above it comes what was found out about an
//! endpoint, and above that what a job file sets. A key that a layer lacks has the value of the layer below.
//!
//! Each part of the dialect is declared once and becomes two types: the *whole*, in which every key has a value, and
//! the *layer*, in which any key may be missing. So a typing error or a wrong type is found in the layer that has it,
//! before anything is merged, and [`Layer::merge`] is the only code that combines two layers.

use std::collections::BTreeMap;

use super::{Meaning, NotFound, Paging, SinceForm};
use crate::streams::DateForm;

/// A part of a dialect that may be incomplete. Layers are stacked: a value of an upper layer replaces that of the
/// layer below.
pub trait Layer: Sized {
    /// The complete form of the value, in which every key is set.
    type Whole;

    /// Merges the upper layer `over` into this one. Tables are merged key by key. Any other value is replaced.
    fn merge(&mut self, over: Self);

    /// Returns the complete form. `Err` holds the dotted path of the first key that is missing.
    fn complete(self) -> Result<Self::Whole, String>;
}

/// Implements [`Layer`] for types whose values an upper layer replaces and does not merge.
macro_rules! replaced {
    ($($value:ty),*) => {
        $(impl Layer for $value {
            type Whole = $value;

            fn merge(&mut self, over: Self) {
                *self = over;
            }

            fn complete(self) -> Result<Self::Whole, String> {
                Ok(self)
            }
        })*
    };
}

replaced!(String, bool, u32, Vec<String>, Paging, SinceForm, DateForm, NotFound, Meaning);

impl<V: Layer> Layer for BTreeMap<String, V> {
    type Whole = BTreeMap<String, V::Whole>;

    fn merge(&mut self, over: Self) {
        for (key, value) in over {
            match self.get_mut(&key) {
                Some(below) => below.merge(value),
                None => drop(self.insert(key, value)),
            }
        }
    }

    fn complete(self) -> Result<Self::Whole, String> {
        self.into_iter().map(|(key, value)| Ok((key.clone(), at(&key, value.complete())?))).collect()
    }
}

/// Merges the value `over` of an upper layer into the value `below` of the same key. `None` means that a layer lacks
/// the key.
pub(super) fn merge_key<V: Layer>(below: &mut Option<V>, over: Option<V>) {
    match (below, over) {
        (Some(below), Some(over)) => below.merge(over),
        (below, Some(over)) => *below = Some(over),
        (_, None) => {}
    }
}

/// Returns the complete form of a required key's value. `Err` holds the dotted path of the key that is missing.
pub(super) fn complete_key<V: Layer>(key: &str, value: Option<V>) -> Result<V::Whole, String> {
    at(key, value.ok_or_else(String::new).and_then(V::complete))
}

fn at<T>(key: &str, result: Result<T, String>) -> Result<T, String> {
    result.map_err(|below| if below.is_empty() { key.to_owned() } else { format!("{key}.{below}") })
}

/// Declares two structs for a part of the dialect: the *whole*, with every value set, and the *layer*, in which every
/// value is optional:
///
/// - `keys` must have a value in the whole,
/// - `parts` are nested parts, written `name: Whole = Layer` with the two types of the part,
/// - `optional` keys may lack a value in the whole, too; also written `name: Whole = Layer`,
/// - `defaults` have the default value of their type if no layer sets them.
macro_rules! layered {
    (
        $(#[$about:meta])*
        $whole:ident, $layer:ident {
            keys { $($(#[$key_doc:meta])* $key:ident: $key_type:ty,)* }
            parts { $($(#[$part_doc:meta])* $part:ident: $part_whole:ty = $part_layer:ty,)* }
            optional { $($(#[$optional_doc:meta])* $optional:ident: $optional_whole:ty = $optional_layer:ty,)* }
            defaults { $($(#[$default_doc:meta])* $default:ident: $default_type:ty,)* }
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone)]
        #[allow(missing_docs)]
        pub struct $whole {
            $($(#[$key_doc])* pub $key: $key_type,)*
            $($(#[$part_doc])* pub $part: $part_whole,)*
            $($(#[$optional_doc])* pub $optional: Option<$optional_whole>,)*
            $($(#[$default_doc])* pub $default: $default_type,)*
        }

        #[doc = concat!("A layer of [`", stringify!($whole), "`]: any of its keys, or none.")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[allow(missing_docs)]
        pub struct $layer {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$key_type>,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $optional: Option<$optional_layer>,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $default: Option<$default_type>,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $part: Option<$part_layer>,)*
        }

        impl $crate::dialect::layer::Layer for $layer {
            type Whole = $whole;

            fn merge(&mut self, over: Self) {
                use $crate::dialect::layer::merge_key;
                $(merge_key(&mut self.$key, over.$key);)*
                $(merge_key(&mut self.$part, over.$part);)*
                $(merge_key(&mut self.$optional, over.$optional);)*
                $(merge_key(&mut self.$default, over.$default);)*
            }

            fn complete(self) -> Result<$whole, String> {
                #[allow(unused_imports)]
                use $crate::dialect::layer::complete_key;
                Ok($whole {
                    $($key: complete_key(stringify!($key), self.$key)?,)*
                    $($part: complete_key(stringify!($part), self.$part)?,)*
                    $($optional: self.$optional.map(|value| complete_key(stringify!($optional), Some(value))).transpose()?,)*
                    $($default: self.$default.unwrap_or_default(),)*
                })
            }
        }
    };
}
pub(super) use layered;

#[cfg(test)]
mod tests {
    use super::*;

    fn map(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tables_are_merged_key_by_key_and_lists_are_replaced() {
        let mut below = map(&[("a", "1"), ("b", "2")]);
        Layer::merge(&mut below, map(&[("b", "3"), ("c", "4")]));
        assert_eq!(below, map(&[("a", "1"), ("b", "3"), ("c", "4")]));
        let mut list = vec!["a".to_owned(), "b".to_owned()];
        list.merge(vec!["c".to_owned()]);
        assert_eq!(list, ["c"]);
    }

    #[test]
    fn a_key_that_a_layer_lacks_is_that_of_the_layer_below() {
        let mut below = Some(1);
        merge_key(&mut below, None);
        assert_eq!(below, Some(1));
        merge_key(&mut below, Some(2));
        assert_eq!(below, Some(2));
        let mut nothing: Option<u32> = None;
        merge_key(&mut nothing, Some(3));
        assert_eq!(nothing, Some(3));
        assert_eq!(complete_key::<u32>("size", None), Err("size".into()));
    }
}
