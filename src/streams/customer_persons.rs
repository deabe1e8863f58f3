//! The account's own staff, including robots: `CustomerPerson` (documented).

use super::{Definition, Kind, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "customer_persons",
    entity: "CustomerPerson",
    scope: "read_customerPersons",
    parent: None,
    optional: false,
    columns: &[
        col("_id", Kind::Id),
        col("customer", Kind::Id),
        col("type", Kind::Text),
        col("status", Kind::Text),
        col("firstName", Kind::Text),
        col("lastName", Kind::Text),
        col("profilePhoto", Kind::Text),
        col("email", Kind::Text),
        col("phone", Kind::Text),
        col("language", Kind::Text),
    ],
};
