//! Finds out what each argument of a list query is for, whether it is a plain argument or a field of an input object.

use std::collections::BTreeMap;

use crate::dialect::SinceForm;
use crate::discovery::infer::values::complete_value;
use crate::discovery::names::{ARGUMENTS, Role, SINCE, folded};
use crate::discovery::schema::{Argument, Schema, Type, TypeRef};

/// The depth to which nested input objects are searched.
const DEPTH: u32 = 3;

/// The arguments of a field, classified by what they are for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// For each role, the dotted path of its argument, and whether the server requires it.
    pub roles: BTreeMap<Role, (String, bool)>,
    /// The arguments without a role that must be given.
    pub needs: Needs,
    /// The path and the type name of each numeric argument without a role.
    pub numbers: Vec<(String, String)>,
}

/// The required arguments that have no role.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The path and the literal of each required argument that has one sensible value.
    pub constants: BTreeMap<String, String>,
    /// The path and the type of each required argument for which no sensible value is known.
    pub open: Vec<(String, String)>,
}

/// Classifies arguments by what they are for.
pub fn sort(schema: &Schema, arguments: &[Argument]) -> Sorted {
    let mut sorted = Sorted::default();
    let mut ranks = BTreeMap::new();
    for argument in arguments {
        place(schema, argument, "", argument.is_needed(), DEPTH, &mut sorted, &mut ranks);
    }
    sorted.needs = needs(schema, arguments, &sorted.roles.values().map(|(path, _)| path.as_str()).collect::<Vec<_>>());
    sorted
}

/// Returns the required arguments other than those at the paths in `given`. An input object that contains one of
/// these paths is sent as well, so its required fields count, too.
pub fn needs(schema: &Schema, arguments: &[Argument], given: &[&str]) -> Needs {
    let mut needs = Needs::default();
    for argument in arguments {
        insist(schema, argument, "", given, &mut needs);
    }
    needs
}

type Ranks = BTreeMap<Role, usize>;

fn place(
    schema: &Schema,
    argument: &Argument,
    above: &str,
    needed: bool,
    depth: u32,
    sorted: &mut Sorted,
    ranks: &mut Ranks,
) {
    let path = format!("{above}{}", argument.name);
    if let Some(Type::Input(inner)) = schema.types.get(&argument.ty.name) {
        if depth > 0 && !argument.ty.list {
            for one in inner {
                let needed = needed && one.is_needed();
                place(schema, one, &format!("{path}."), needed, depth - 1, sorted, ranks);
            }
        }
        return;
    }
    let Some((role, rank)) = role_of(argument) else {
        if matches!(argument.ty.name.as_str(), "Int" | "Float") && !argument.ty.list {
            sorted.numbers.push((path, argument.ty.name.clone()));
        }
        return;
    };
    // Plain arguments are preferred to those inside input objects, then the likelier names.
    let rank = rank + 100 * path.matches('.').count();
    if ranks.get(&role).is_none_or(|known| rank < *known) {
        ranks.insert(role, rank);
        sorted.roles.insert(role, (path, needed));
    }
}

/// Returns the role of an argument, and its rank: the lower, the likelier. Returns `None` if it has no role.
fn role_of(argument: &Argument) -> Option<(Role, usize)> {
    let name = folded(&argument.name);
    if argument.ty.list {
        // The only list argument with a role is one of parent ids, which gets the one id.
        let known = ARGUMENTS.iter().filter(|(role, _)| *role == Role::Parent).flat_map(|(_, pool)| *pool);
        let parents = name.contains("conversation") || known.into_iter().any(|one| folded(one) + "s" == name);
        return (parents && takes(Role::Parent, &argument.ty)).then_some((Role::Parent, 80));
    }
    for (role, pool) in ARGUMENTS {
        if !takes(role, &argument.ty) {
            continue;
        }
        if let Some(rank) = pool.iter().position(|known| folded(known) == name) {
            return Some((role, rank));
        }
    }
    let parent = name.contains("conversation") && takes(Role::Parent, &argument.ty);
    parent.then_some((Role::Parent, 50))
}

fn takes(role: Role, ty: &TypeRef) -> bool {
    let name = ty.name.to_ascii_lowercase();
    let number = name.is_empty() || name.contains("int") || name == "float" || name == "long" || name == "number";
    match role {
        Role::Page | Role::Size | Role::Offset => number,
        Role::Cursor => !matches!(name.as_str(), "int" | "float" | "boolean"),
        Role::Parent => !matches!(name.as_str(), "float" | "boolean"),
    }
}

/// Returns a required type in GraphQL's notation, such as `String!`.
fn written(ty: &TypeRef) -> String {
    if ty.list { format!("[{}]!", ty.name) } else { format!("{}!", ty.name) }
}

/// An argument that filters a list by the date of the last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The dotted path of the argument.
    pub path: String,
    /// The name of the argument's type.
    pub ty: String,
    /// How the argument's value is written.
    pub form: SinceForm,
}

/// Returns the likeliest argument that selects the records changed since a moment. It must be optional, and giving it
/// must not make further arguments required. `given` are the paths of the arguments that a query gives anyway.
pub fn since(schema: &Schema, arguments: &[Argument], given: &[&str]) -> Option<Since> {
    let mut found = Vec::new();
    for argument in arguments {
        filters(schema, argument, "", "", DEPTH, &mut found);
    }
    found.sort_by_key(|(rank, _)| *rank);
    let alone = needs(schema, arguments, given);
    found.into_iter().map(|(_, since)| since).find(|since| {
        let with: Vec<&str> = given.iter().copied().chain([since.path.as_str()]).collect();
        needs(schema, arguments, &with) == alone
    })
}

fn filters(
    schema: &Schema,
    argument: &Argument,
    above: &str,
    holder: &str,
    depth: u32,
    found: &mut Vec<(usize, Since)>,
) {
    let path = format!("{above}{}", argument.name);
    if argument.ty.list {
        return;
    }
    match schema.types.get(&argument.ty.name) {
        Some(Type::Input(inner)) if depth > 0 => {
            for one in inner {
                filters(schema, one, &format!("{path}."), &argument.name, depth - 1, found);
            }
        }
        None | Some(Type::Scalar) if !argument.is_needed() => {
            let ty = argument.ty.name.as_str();
            let form = match ty {
                "" | "Boolean" | "ID" => return,
                // A 32-bit integer is too small for milliseconds.
                "Int" => SinceForm::Seconds,
                "Float" | "Long" | "BigInt" | "Int64" => SinceForm::Milliseconds,
                _ => SinceForm::Iso8601,
            };
            let names = [folded(&argument.name), folded(&format!("{holder}{}", argument.name))];
            if let Some(rank) = SINCE.iter().position(|known| names.contains(&folded(known))) {
                let rank = rank + 100 * path.matches('.').count();
                found.push((rank, Since { path, ty: ty.to_owned(), form }));
            }
        }
        _ => {}
    }
}

/// Adds to `needs` the required arguments other than those at the paths in `given`. `above` is the path that leads to
/// `argument`, with a dot at its end.
fn insist(schema: &Schema, argument: &Argument, above: &str, given: &[&str], needs: &mut Needs) {
    let path = format!("{above}{}", argument.name);
    let inside = format!("{path}.");
    let entered = given.iter().any(|p| p.starts_with(&inside));
    match schema.types.get(&argument.ty.name) {
        _ if given.contains(&path.as_str()) => {}
        Some(Type::Input(inner)) if (entered || argument.is_needed()) && !argument.ty.list => {
            let before = needs.constants.len() + needs.open.len();
            for one in inner {
                insist(schema, one, &inside, given, needs);
            }
            if !entered && before == needs.constants.len() + needs.open.len() {
                needs.constants.insert(path, "{}".into());
            }
        }
        ty if argument.is_needed() => match complete_value(argument, ty) {
            Some(literal) => {
                needs.constants.insert(path, literal);
            }
            None => needs.open.push((path, written(&argument.ty))),
        },
        _ => {}
    }
}

/// Returns the argument at a dotted path, or `None` if there is none.
pub fn at<'s>(schema: &'s Schema, arguments: &'s [Argument], path: &str) -> Option<&'s Argument> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let found = arguments.iter().find(|a| a.name == name)?;
    rest.map_or(Some(found), |rest| at(schema, schema.inputs(&found.ty.name), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(name: &str, ty: &str) -> Argument {
        Argument { name: name.into(), ty: TypeRef::parse(ty), has_default: false }
    }

    fn schema() -> Schema {
        let mut schema = Schema::default();
        let mut put = |name: &str, ty: Type| schema.types.insert(name.into(), ty);
        put("Paging", Type::Input(vec![argument("pageNumber", "Int"), argument("perPage", "Int!")]));
        put(
            "Filter",
            Type::Input(vec![
                argument("conversation", "ID!"),
                argument("paging", "Paging"),
                argument("state", "State!"),
                argument("locale", "String!"),
            ]),
        );
        put("State", Type::Enum(vec!["OPEN".into(), "ALL".into()]));
        schema
    }

    #[test]
    fn roles_are_found_inside_and_what_must_be_given_is_given_or_named() {
        let sorted = sort(&schema(), &[argument("filter", "Filter!"), argument("onlyOpen", "Boolean!")]);
        let path = |role| sorted.roles.get(&role).map(|(path, needed)| (path.as_str(), *needed));
        assert_eq!(path(Role::Page), Some(("filter.paging.pageNumber", false)));
        assert_eq!(path(Role::Size), Some(("filter.paging.perPage", false)));
        assert_eq!(path(Role::Parent), Some(("filter.conversation", true)));
        let constants: Vec<_> = sorted.needs.constants.iter().map(|(p, l)| (p.as_str(), l.as_str())).collect();
        assert_eq!(constants, [("filter.state", "ALL"), ("onlyOpen", "false")]);
        assert_eq!(sorted.needs.open, [("filter.locale".to_owned(), "String!".to_owned())]);
        let open = |arguments: &[Argument]| sort(&schema(), arguments).needs.open;
        assert_eq!(open(&[argument("labels", "[String!]!")]), [("labels".to_owned(), "[String]!".to_owned())]);
        assert_eq!(open(&[argument("archived", "Boolean!")]), [("archived".to_owned(), "Boolean!".to_owned())]);
    }

    #[test]
    fn a_filter_by_the_last_change_is_found_where_it_may_be_left_out_and_costs_nothing() {
        let mut schema = schema();
        schema.types.insert("DateTime".into(), Type::Scalar);
        let mut put = |name: &str, fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(name, ty)| argument(name, ty)).collect();
            schema.types.insert(name.into(), Type::Input(fields));
        };
        put("Dates", &[("gte", "DateTime"), ("lt", "DateTime")]);
        put("Where", &[("createdAfter", "DateTime"), ("updatedAt", "Dates")]);
        put("Strict", &[("updatedAfter", "DateTime"), ("team", "ID!")]);
        let of = |name: &str, ty: &str| {
            since(&schema, &[argument("page", "Int"), argument(name, ty)], &["page"]).map(|s| (s.path, s.form))
        };
        let found = |path: &str, form| Some((path.to_owned(), form));
        assert_eq!(of("updatedAfter", "DateTime"), found("updatedAfter", SinceForm::Iso8601));
        assert_eq!(of("modified_since", "String"), found("modified_since", SinceForm::Iso8601));
        assert_eq!(of("changedSince", "Int"), found("changedSince", SinceForm::Seconds));
        assert_eq!(of("changedSince", "Float"), found("changedSince", SinceForm::Milliseconds));
        assert_eq!(of("where", "Where"), found("where.updatedAt.gte", SinceForm::Iso8601));
        for (name, ty) in [
            ("createdAfter", "DateTime"),
            ("updatedBefore", "DateTime"),
            ("updatedAfter", "DateTime!"),
            ("updatedAfter", "[DateTime]"),
            ("updatedAfter", "Boolean"),
            ("updatedAfter", "State"),
            // The object insists on more once it is given.
            ("filter", "Strict"),
        ] {
            assert_eq!(of(name, ty), None, "{name}: {ty}");
        }
    }

    #[test]
    fn a_list_of_parents_is_the_parent_unless_one_can_be_given() {
        let of =
            |arguments: &[Argument]| sort(&schema(), arguments).roles.get(&Role::Parent).map(|(path, _)| path.clone());
        let many = argument("conversationIds", "[ID!]!");
        assert_eq!(of(std::slice::from_ref(&many)).as_deref(), Some("conversationIds"));
        assert_eq!(of(&[many, argument("conversation", "ID")]).as_deref(), Some("conversation"));
        assert_eq!(of(&[argument("labels", "[ID!]!")]), None);
    }

    #[test]
    fn a_name_of_another_type_has_no_role_and_what_may_be_left_out_is() {
        let sorted =
            sort(&schema(), &[argument("from", "Date"), argument("filter", "Filter"), argument("page", "Int")]);
        assert_eq!(sorted.roles.get(&Role::Offset), None);
        assert_eq!(sorted.roles.get(&Role::Page).map(|p| p.0.as_str()), Some("page"));
        assert!(sort(&schema(), &[argument("odd", "Filter")]).roles.contains_key(&Role::Page));
        assert_eq!(sort(&schema(), &[argument("x", "String")]), Sorted::default());
        assert_eq!(sort(&schema(), &[argument("seite", "Int")]).numbers, [("seite".to_owned(), "Int".to_owned())]);
    }
}
