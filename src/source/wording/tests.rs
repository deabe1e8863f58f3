use super::*;

/// Returns a text that must not be repeated, in every form in which a server may quote it.
fn shapes(text: &str) -> Vec<String> {
    let pairs = [
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("“", "”"),
        ("„", "“"),
        ("‘", "’"),
        ("«", "»"),
        ("»", "«"),
        ("‹", "›"),
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("<", ">"),
        ("「", "」"),
        ("（", "）"),
        ("{ text: \"", "\" }"),
        ("[{\"a\": ['", "']}]"),
        ("\"'", "'\""),
    ];
    let mut all = Vec::new();
    for (open, close) in pairs {
        all.push(format!("String cannot represent value {open}{text}{close}"));
        all.push(format!("Invalid value {open}{text}{close} for field content"));
        // A quotation that never ends, one that never begins, and one inside another.
        all.push(format!("Invalid value {open}{text}"));
        all.push(format!("{text}{close} is not a value"));
        all.push(format!("Invalid \"{open}{text}{close} and \"{open}{text}{close} too"));
        all.push(format!("It doesn't take {open}{text}{close}, it won't {open}{text}{close}"));
    }
    for before in [
        ": ", ":", " = ", " - ", " — ", "\n", "\r\n", " | ", " -> ", " → ", "：", "\u{2028}", " ", ", ", "; ", ". ",
        " got ",
    ] {
        all.push(format!("Invalid value{before}{text}"));
        all.push(format!("Cannot query field \"owner\" on type \"T\".{before}{text}"));
        all.push(format!("Cannot query field \"owner\" on type \"T\". Did you mean{before}{text}?"));
    }
    all.push(text.to_owned());
    all.push(format!("Cannot query field \"{text}\" on type \"T\"."));
    all.push(format!("Unknown argument \"{text}\" on field \"Query.f\"."));
    all.push(format!("Value \"{text}\" does not exist in \"Status\" enum."));
    all.push(format!("Variable \"$input\" got invalid value \"{text}\" at \"input.text\"; Expected type T."));
    all.push(format!("Cast to ObjectId failed for value {text} (type string) at path _id"));
    all.push(format!("E11000 duplicate key error collection: a.b index: c dup key: {{ text: {text} }}"));
    all
}

#[test]
fn what_a_server_quotes_is_never_told() {
    for text in [
        "my PIN is 4711",
        "4711",
        "+90 555 111 22 33",
        "Anna Öz",
        "anna@example.com",
        "Şifrem çok gizli",
        "a: 'b' 4711",
    ] {
        for message in shapes(text) {
            let told = tell(Some(&message));
            for word in text.split([' ', '\'']).filter(|word| !is_usual(&word.to_lowercase()) && word.len() > 2) {
                assert!(!told.contains(word), "{message:?} is told as {told:?}");
            }
            assert!(!told.contains("my PIN"), "{message:?} is told as {told:?}");
        }
    }
}

#[test]
fn known_sentences_are_told_with_their_names() {
    for message in [
        r#"Cannot query field "owner" on type "ExternalContact"."#,
        r#"Cannot query field "owner" on type "ExternalContact". Did you mean "customer", "email", or "phone"?"#,
        r#"Unknown argument "x" on field "Query.f"."#,
        "Unknown argument 'x' on field 'f' of type 'Query'. Did you mean 'y'?",
        r#"Field "f" argument "a" of type "[T!]!" is required, but it was not provided."#,
        r#"Field "f" of type "T" must have a selection of subfields. Did you mean "f { ... }"?"#,
        r#"Variable "$x" of type "A" used in position expecting type "B"."#,
        "Cannot return null for non-nullable field ExternalContact.firstName.",
        "Validation error (FieldUndefined@[getContactList/x]) : Field 'x' in type 'T' is undefined",
        "The field `x` does not exist on the type `T`.",
        "field 'x' not found in type: 'T'",
        "type `T` does not have a field `x`",
        "Insufficient scopes for this operation",
        "Internal server error",
        "Too many requests, please try again later.",
        "limit must not be greater than 50",
        "Schema is not configured for mutations.",
    ] {
        let told = tell(Some(message));
        assert_eq!(told.replace(" …", ""), message.replace(" Did you mean \"f { ... }\"?", ""), "{told}");
    }
    for (message, told) in [
        (r#"String cannot represent value: { text: "my PIN is 4711" }"#, "String cannot represent …"),
        (r#"Error: Cannot query field "x" on type "T"."#, r#"Cannot query field "x" on type "T"."#),
        (r#"Expected value of type "T!", found {a: 4711}."#, r#"Expected value of type "T!", found …"#),
        (
            "Requesting 100 records on the \"contacts\" connection exceeds the \"first\" limit of 50 records.",
            "Requesting … records on the … limit of 50 records.",
        ),
        ("perPage: maximum 50, got 100", "(words that may be a record's, and are not told)"),
        ("Sayfa boyutu en fazla 50 olabilir", "(words that may be a record's, and are not told)"),
        ("", "(no message)"),
    ] {
        assert_eq!(tell(Some(message)), told);
    }
    assert_eq!(tell(None), "(no message)");
}

#[test]
fn codes_and_scopes_are_told_in_their_own_form_only() {
    for told in ["BAD_USER_INPUT", "429", "E1001", "validation-failed", "access_denied"] {
        assert_eq!(code(told), told);
    }
    for untold in ["my PIN is 4711", "anna", "anna@example.com", "", "A\u{1b}[31m", &"A".repeat(60)] {
        assert_eq!(code(untold), "a code that is not told", "{untold}");
    }
    assert_eq!(scope("read_whatsappBusinessTemplates"), Some("read_whatsappBusinessTemplates"));
    assert_eq!(scope("messages:read"), Some("messages:read"));
    for untold in ["my PIN is 4711", "read", "anna_smith", "read_\u{1b}[31m", "read_4711"] {
        assert_eq!(scope(untold), None, "{untold}");
    }
}

#[test]
fn a_page_size_is_learnt_from_the_words_as_they_came() {
    assert_eq!(limits(Some("perPage: maximum 50, got 100")), [50, 100]);
    assert_eq!(limits(Some("\"limit\": {\"max\": 20}")), [20]);
    assert!(limits(Some("Expected value of type 20")).is_empty() && limits(None).is_empty());
}
