//! The people that an account talks to: `ExternalContact` (documented).

use super::{ColumnKind, Definition, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "contacts",
    entity: "ExternalContact",
    scope: "read_contacts",
    parent: None,
    reference: None,
    optional: false,
    columns: &[
        col("_id", ColumnKind::Id),
        col("customer", ColumnKind::Id),
        col("firstName", ColumnKind::Text),
        col("lastName", ColumnKind::Text),
        col("username", ColumnKind::Text),
        col("avatar", ColumnKind::Text),
        col("email", ColumnKind::Text),
        col("phone", ColumnKind::Text),
        col("phoneCountryCode", ColumnKind::Text),
        col("country", ColumnKind::Text),
        col("gender", ColumnKind::Text),
        col("tags", ColumnKind::Json),
        col("createdAt", ColumnKind::Timestamp),
        col("phoneUsagePermission", ColumnKind::Boolean),
        col("emailUsagePermission", ColumnKind::Boolean),
        col("language", ColumnKind::Text),
        col("platforms", ColumnKind::Json),
        col("owner", ColumnKind::Text),
    ],
};
