//! Chooses a value for a required argument: the one value with which the server leaves no record out, if there is
//! such a value.

use crate::discovery::names::{folded, words};
use crate::discovery::schema::{Argument, Type};

/// Returns the value, as a GraphQL literal, with which the server leaves no record out. Returns `None` if any value
/// may leave some out, as an empty list or a plain `false` may.
pub fn complete_value(argument: &Argument, ty: Option<&Type>) -> Option<String> {
    if argument.ty.list {
        return match ty {
            Some(Type::Enum(values)) if !values.is_empty() => Some(format!("[{}]", values.join(", "))),
            _ => None,
        };
    }
    match ty {
        Some(Type::Enum(values)) => {
            let named = |wanted: &[&str]| values.iter().find(|v| wanted.contains(&folded(v).as_str()));
            let only = values.first().filter(|_| values.len() == 1);
            let order = ["sort", "order", "direction"].iter().any(|w| folded(&argument.name).contains(w));
            let first = values.first().filter(|_| order);
            named(&["all", "any", "every"])
                .or(only)
                .or_else(|| named(&["clientcredentials"]))
                .or_else(|| named(&["asc", "ascending"]).filter(|_| order))
                .or(first)
                .cloned()
        }
        _ if argument.ty.name == "Boolean" => yes_or_no(&argument.name).map(|yes| yes.to_string()),
        _ => None,
    }
}

/// Words in a Boolean argument's name for which `false` leaves no record out, or only changes the order.
const FALSE: [&str; 13] = [
    "only",
    "without",
    "exclude",
    "excluding",
    "skip",
    "omit",
    "hide",
    "ignore",
    "asc",
    "ascending",
    "desc",
    "descending",
    "reverse",
];
/// Words in a Boolean argument's name for which `true` includes more records.
const TRUE: [&str; 7] = ["include", "includes", "including", "included", "with", "all", "show"];

/// Returns the value of a Boolean argument with which no record is left out, decided by the first or the last word of
/// its name (`unreadOnly`). Returns `None` if the name does not decide it.
fn yes_or_no(name: &str) -> Option<bool> {
    let words = words(name);
    let mut ends = words.first().into_iter().chain(words.last());
    ends.find_map(|word| {
        let said = |of: &[&str]| of.contains(&word.as_str());
        if said(&FALSE) { Some(false) } else { said(&TRUE).then_some(true) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::schema::TypeRef;

    fn of(name: &str, ty: &str, known: Option<&Type>) -> Option<String> {
        complete_value(&Argument { name: name.into(), ty: TypeRef::parse(ty), has_default: false }, known)
    }

    #[test]
    fn a_boolean_has_a_value_only_where_its_name_says_which_leaves_nothing_out() {
        for name in
            ["onlyOpen", "unreadOnly", "only_mine", "withoutTags", "excludeBlocked", "skipDeleted", "descending"]
        {
            assert_eq!(of(name, "Boolean!", None).as_deref(), Some("false"), "{name}");
        }
        for name in ["includeArchived", "withDeleted", "all", "archivedIncluded"] {
            assert_eq!(of(name, "Boolean!", None).as_deref(), Some("true"), "{name}");
        }
        for name in ["archived", "deleted", "active", "isOpen", "hasEmail", "strict", "commonly"] {
            assert_eq!(of(name, "Boolean!", None), None, "{name}");
        }
    }

    #[test]
    fn a_list_has_a_value_only_where_all_of_its_values_are_known() {
        let states = Type::Enum(vec!["OPEN".into(), "SOLVED".into()]);
        assert_eq!(of("states", "[State!]!", Some(&states)).as_deref(), Some("[OPEN, SOLVED]"));
        assert_eq!(of("states", "[String!]!", None), None);
        assert_eq!(of("states", "[State!]!", Some(&Type::Enum(Vec::new()))), None);
        assert_eq!(of("state", "State!", Some(&states)), None);
    }
}
