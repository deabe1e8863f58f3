//! Message templates. The operation and its scope are documented; the type and its fields are *inferred*.

use super::{Definition, Kind, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "whatsapp_business_templates",
    entity: "WhatsappBusinessTemplate",
    scope: "read_whatsappBusinessTemplates",
    parent: None,
    optional: true,
    columns: &[col("_id", Kind::Id), col("name", Kind::Text)],
};
