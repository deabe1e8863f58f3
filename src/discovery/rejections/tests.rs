use crate::discovery::rejections::*;

fn taught(message: &str) -> Lesson {
    Lesson::of(&ServerError { message: message.to_owned(), ..ServerError::default() })
}

fn text(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn there_is_no_such_field() {
    for message in [
        r#"Cannot query field "foo" on type "Query"."#,
        r#"Cannot query field "foo" on type "Query". Did you mean "x"?"#,
        r#"Cannot query field "foo" on type "Query". [Suggestion hidden]?"#,
        "Cannot query field 'foo' on type 'Query'.",
        "Validation error (FieldUndefined@[foo]) : Field 'foo' in type 'Query' is undefined",
        "Validation error of type FieldUndefined: Field 'foo' in type 'Query' is undefined @ 'foo'",
        "The field `foo` does not exist on the type `Query`.",
        r#"Unknown field "foo" on type "Query". Did you mean "x"?"#,
        "Field 'foo' doesn't exist on type 'Query'",
        "field 'foo' not found in type: 'Query'",
        "type `Query` does not have a field `foo`",
    ] {
        let Lesson::NoField { field, on, .. } = taught(message) else {
            panic!("{message}: {:?}", taught(message));
        };
        assert_eq!((field.as_str(), on.as_deref()), ("foo", Some("Query")), "{message}");
    }
}

#[test]
fn suggestions_are_names() {
    for (message, names) in [
        (r#"Cannot query field "x" on type "T". Did you mean "y"?"#, &["y"][..]),
        (r#"Cannot query field "x" on type "T". Did you mean "y" or "z"?"#, &["y", "z"]),
        (r#"Cannot query field "x" on type "T". Did you mean "y", "z", or "orders"?"#, &["y", "z", "orders"]),
        (r#"Cannot query field "x" on type "T". Did you mean to use an inline fragment on "A" or "B"?"#, &[]),
        (r#"Cannot query field "x" on type "T". [Suggestion hidden]?"#, &[]),
    ] {
        let Lesson::NoField { meant, fragments, .. } = taught(message) else {
            panic!("{message}");
        };
        assert_eq!(meant, text(names), "{message}");
        assert_eq!(fragments, message.contains("fragment"), "{message}");
    }
    let old = taught("Field \"pages\" is not defined by type PageInput; Did you mean page, size, or limit?");
    let expected = Lesson::NoInputField {
        field: "pages".into(),
        on: Some("PageInput".into()),
        meant: text(&["page", "size", "limit"]),
    };
    assert_eq!(old, expected);
}

#[test]
fn there_is_no_such_argument() {
    for (message, on) in [
        (r#"Unknown argument "page" on field "Query.list"."#, Some("list")),
        (r#"Unknown argument "page" on field "list" of type "Query". Did you mean "pages"?"#, Some("list")),
        ("Validation error (UnknownArgument@[list]) : Unknown field argument 'page'", None),
        ("Validation error of type UnknownArgument: Unknown field argument page @ 'list'", None),
        ("The argument `page` does not exist.", None),
        ("Field 'list' doesn't accept argument 'page'", Some("list")),
    ] {
        let Lesson::NoArgument { argument, field, .. } = taught(message) else {
            panic!("{message}: {:?}", taught(message));
        };
        assert_eq!((argument.as_str(), field.as_deref()), ("page", on), "{message}");
    }
}

#[test]
fn an_input_object_has_no_such_field() {
    for message in [
        r#"Field "x" is not defined by type "PageInput"."#,
        r#"Field "x" is not defined by type "PageInput". Did you mean "y"?"#,
        "Field \"x\" is not defined by type PageInput.",
        r#"Expected value of type "PageInput" not to include unknown field "x", found: { x: $v }."#,
        r#"Invalid value for argument "input", unknown field "x" of type "PageInput""#,
        "InputObject 'PageInput' doesn't accept argument 'x'",
        "Validation error (WrongType@[list]) : argument 'input' with value 'ObjectValue{objectFields=[]}' contains a field not in 'PageInput': 'x'",
    ] {
        let Lesson::NoInputField { field, on, .. } = taught(message) else {
            panic!("{message}: {:?}", taught(message));
        };
        assert_eq!((field.as_str(), on.as_deref()), ("x", Some("PageInput")), "{message}");
    }
    let Lesson::NoInputField { field, .. } = taught("The specified input object field `x` does not exist.") else {
        panic!("HotChocolate");
    };
    assert_eq!(field, "x");
}

#[test]
fn an_argument_has_to_be_given() {
    for (message, on, ty) in [
        (r#"Field "list" argument "id" of type "ID!" is required, but it was not provided."#, Some("list"), "ID!"),
        (r#"Argument "Query.list(id:)" of type "ID!" is required, but it was not provided."#, Some("list"), "ID!"),
        (r#"Field "list" argument "id" of type "ID!" is required but not provided"#, Some("list"), "ID!"),
        ("Validation error (MissingFieldArgument@[list]) : Missing field argument 'id'", None, ""),
        ("Field 'list' is missing required arguments: id", Some("list"), ""),
        ("The argument `id` is required.", None, ""),
    ] {
        let Lesson::NeedsArgument { argument, field, ty: of } = taught(message) else {
            panic!("{message}: {:?}", taught(message));
        };
        assert_eq!((argument.as_str(), field.as_deref()), ("id", on), "{message}");
        assert_eq!(of, TypeRef::parse(ty), "{message}");
    }
    for message in [
        r#"Field "PageInput.id" of required type "ID!" was not provided."#,
        "Field PageInput.id of required type ID! was not provided.",
        r#"Expected value of type "PageInput" to include required field "id", found: {}."#,
        r#"Invalid value for argument "input", field "id" of type "PageInput" is required but not provided"#,
    ] {
        let Lesson::NeedsInputField { on, field, .. } = taught(message) else {
            panic!("{message}: {:?}", taught(message));
        };
        assert_eq!((on.as_deref(), field.as_str()), (Some("PageInput"), "id"), "{message}");
    }
    let directive = r#"Directive "@include" argument "if" of type "Boolean!" is required, but it was not provided."#;
    assert_eq!(taught(directive), Lesson::Other);
}

#[test]
fn an_object_and_a_leaf_are_told_apart() {
    for (message, ty) in [
        (r#"Field "f" of type "[T!]!" must have a selection of subfields."#, "[T!]!"),
        (r#"Field "f" of type "T" must have a selection of subfields. Did you mean "f { ... }"?"#, "T"),
        ("Validation error (SubselectionRequired@[f]) : Subselection required for type 'T' of field 'f'", "T"),
        ("Field must have selections (field 'f' returns T but has no selections. Did you mean 'f { ... }'?)", "T"),
        (
            "`f` is an object, interface or union type field. Leaf selections on objects, interfaces, and unions without subfields are disallowed.",
            "",
        ),
    ] {
        let (field, ty) = ("f".to_owned(), TypeRef::parse(ty));
        assert_eq!(taught(message), Lesson::NeedsSelection { field, ty }, "{message}");
    }
    for (message, ty) in [
        (r#"Field "f" must not have a selection since type "Int!" has no subfields."#, "Int!"),
        (
            "Validation error (SubselectionNotAllowed@[f]) : Subselection not allowed on leaf type 'Int' of field 'f'",
            "Int",
        ),
        ("Selections can't be made on scalars (field 'f' returns Int but has selections [\"x\"])", "Int"),
    ] {
        let (field, ty) = ("f".to_owned(), TypeRef::parse(ty));
        assert_eq!(taught(message), Lesson::NoSelection { field, ty }, "{message}");
    }
}

#[test]
fn a_variable_says_what_is_taken_in_its_place() {
    for (message, variable, ty) in [
        (r#"Variable "$v1" of type "[[[Boolean]]]" used in position expecting type "[Int!]!"."#, Some("v1"), "[Int!]!"),
        ("Variable '$v1' of type '[[[Boolean]]]' used in position expecting type 'Int'.", Some("v1"), "Int"),
        (
            "Validation error (VariableTypeMismatch@[f]) : Variable type '[[[Boolean]]]' does not match expected type 'Int'",
            None,
            "Int",
        ),
        (
            "Validation error of type VariableTypeMismatch: Variable type '[[[Boolean]]]' doesn't match expected type 'Int' @ 'f'",
            None,
            "Int",
        ),
        ("Type mismatch on variable $v1 and argument page ([[[Boolean]]] / Int!)", Some("v1"), "Int!"),
        ("variable 'v1' is declared as '[[[Boolean]]]', but used where 'Int' is expected", Some("v1"), "Int"),
    ] {
        let (variable, ty) = (variable.map(str::to_owned), TypeRef::parse(ty));
        assert_eq!(taught(message), Lesson::Position { variable, ty }, "{message}");
    }
    let said = ServerError::read(&serde_json::json!({
        "message": "The variable `v1` is not compatible with the type of the current location.",
        "extensions": {"variable": "v1", "variableType": "[[[Boolean]]]", "locationType": "Int!"}
    }));
    let expected = Lesson::Position { variable: Some("v1".into()), ty: TypeRef::parse("Int!") };
    assert_eq!(Lesson::of(&said), expected);
}

#[test]
fn a_value_says_what_is_taken_in_its_place() {
    for (message, ty, is_enum) in [
        ("Int cannot represent non-integer value: QPIEN__", "Int", false),
        ("ID cannot represent a non-string and non-integer value: QPIEN__", "ID", false),
        ("String cannot represent a non string value: QPIEN__", "String", false),
        ("Boolean cannot represent a non boolean value: QPIEN__", "Boolean", false),
        (
            r#"Value "QPIEN__" does not exist in "StatusEnum" enum. Did you mean the enum value "OPEN"?"#,
            "StatusEnum",
            true,
        ),
        (r#"Enum "StatusEnum" cannot represent non-enum value: {q: 1}."#, "StatusEnum", true),
        (r#"Expected value of type "PageInput", found QPIEN__."#, "PageInput", false),
        ("Expected type Int!, found QPIEN__.", "Int!", false),
        ("Argument \"page\" has invalid value QPIEN__.\nExpected type \"Int\", found QPIEN__.", "Int", false),
        (r#"Invalid value for argument "page", expected type "Int""#, "Int", false),
        (
            "Validation error (WrongType@[f]) : argument 'page' with value 'EnumValue{name='QPIEN__'}' is not a valid 'Int' - Expected an integer",
            "Int",
            false,
        ),
    ] {
        let ty = TypeRef::parse(ty);
        assert_eq!(taught(message), Lesson::Takes { ty, is_enum }, "{message}");
    }
}

#[test]
fn what_nobody_knows_teaches_nothing() {
    assert_eq!(taught("Too many validation errors, error limit reached. Validation aborted."), Lesson::TooMany);
    for message in ["", "Bad request", "Unauthorized", "Internal server error", "field", "Unknown argument "] {
        assert_eq!(taught(message), Lesson::Other, "{message}");
    }
}
