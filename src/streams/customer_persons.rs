//! The account's own staff, including robots: `CustomerPerson` (documented).

use super::{ColumnKind, Definition, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "customer_persons",
    entity: "CustomerPerson",
    scope: "read_customerPersons",
    parent: None,
    reference: None,
    optional: false,
    columns: &[
        col("_id", ColumnKind::Id),
        col("customer", ColumnKind::Id),
        col("type", ColumnKind::Text),
        col("status", ColumnKind::Text),
        col("firstName", ColumnKind::Text),
        col("lastName", ColumnKind::Text),
        col("profilePhoto", ColumnKind::Text),
        col("email", ColumnKind::Text),
        col("phone", ColumnKind::Text),
        col("language", ColumnKind::Text),
    ],
};
