//! The people that an account talks to: `ExternalContact` (documented).

use super::{Definition, Kind, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "contacts",
    entity: "ExternalContact",
    scope: "read_contacts",
    parent: None,
    optional: false,
    columns: &[
        col("_id", Kind::Id),
        col("customer", Kind::Id),
        col("firstName", Kind::Text),
        col("lastName", Kind::Text),
        col("username", Kind::Text),
        col("avatar", Kind::Text),
        col("email", Kind::Text),
        col("phone", Kind::Text),
        col("phoneCountryCode", Kind::Text),
        col("country", Kind::Text),
        col("gender", Kind::Text),
        col("tags", Kind::Json),
        col("createdAt", Kind::Timestamp),
        col("phoneUsagePermission", Kind::Boolean),
        col("emailUsagePermission", Kind::Boolean),
        col("language", Kind::Text),
        col("platforms", Kind::Json),
        col("owner", Kind::Text),
    ],
};
