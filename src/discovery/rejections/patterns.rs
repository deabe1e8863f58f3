//! Lists the words by which error messages are recognised, by kind. Within a kind, the first wording that fits
//! counts.

/// The words by which a message is recognised, all in lower case. The message contains `tail`. The name that it is
/// about is the word after `head`. The type or field concerned is the word after `of`, unless `of` is empty.
pub(super) struct Wording {
    pub(super) head: &'static str,
    pub(super) tail: &'static str,
    pub(super) of: &'static str,
}

const fn w(head: &'static str, tail: &'static str, of: &'static str) -> Wording {
    Wording { head, tail, of }
}

pub(super) const NEEDS_SELECTION: &[Wording] = &[
    w("field ", "must have a selection of subfields", "of type "),
    w("of field ", "subselection required", "for type "),
    w("(field ", "field must have selections", "returns "),
    w("", "leaf selections on objects", ""),
];
pub(super) const NO_SELECTION: &[Wording] = &[
    w("field ", "must not have a selection since type ", "since type "),
    w("of field ", "subselection not allowed", "leaf type "),
    w("(field ", "selections can't be made on ", "returns "),
    w("", "selections on scalars", ""),
];
pub(super) const POSITION: &[Wording] = &[
    w("variable ", "used in position expecting type ", "expecting type "),
    w("variable ", "match expected type ", "match expected type "),
    w("variable ", "but used where ", "used where "),
    w("on variable ", "type mismatch on variable ", " / "),
    w("variable ", "is not compatible with the type of the current location", ""),
];
pub(super) const NEEDS_INPUT_FIELD: &[Wording] = &[
    w("field ", "of required type ", "of required type "),
    w("include required field ", "expected value of type ", ""),
    w("", "is a required field and cannot be null", ""),
];
pub(super) const NEEDS_ARGUMENT: &[Wording] = &[
    w("argument ", "is required, but it was not provided", "of type "),
    w("argument ", "is required but not provided", "of type "),
    w("missing field argument ", "", ""),
    w("missing required arguments: ", "", ""),
    w("the argument ", "is required", ""),
];
pub(super) const NO_INPUT_FIELD: &[Wording] = &[
    w("field ", "is not defined by type ", "defined by type "),
    w("unknown field ", "expected value of type ", "of type "),
    w("unknown field ", "invalid value for argument", "of type "),
    w("input object field ", "does not exist", ""),
    w("': ", "contains a field not in ", "a field not in "),
    w("doesn't accept argument ", "inputobject ", "inputobject "),
];
pub(super) const NO_ARGUMENT: &[Wording] = &[
    w("unknown field argument ", "", ""),
    w("unknown argument ", "", "on field "),
    w("doesn't accept argument ", "", "field "),
    w("the argument ", "does not exist", ""),
];
pub(super) const NO_FIELD: &[Wording] = &[
    w("query field ", "cannot query field ", "on type "),
    w("unknown field ", "on type ", "on type "),
    w("field ", "is undefined", "in type "),
    w("field ", "does not exist on the type ", "on the type "),
    w("field ", "doesn't exist on type ", "on type "),
    w("field ", "not found in type: ", "in type: "),
    w("have a field ", "does not have a field ", "type "),
];
pub(super) const ENUM: &[Wording] =
    &[w("does not exist in ", " enum", ""), w("enum ", "cannot represent non-enum value", "")];
pub(super) const EXPECTED_TYPE: &[Wording] =
    &[w("expected value of type ", "", ""), w("expected type ", "", ""), w("is not a valid ", "with value ", "")];
