//! The message templates for `WhatsApp`: `WhatsappBusinessTemplate`. The operation and its scope are documented. The
//! type and its fields are *inferred*.

use super::{ColumnKind, Definition, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "whatsapp_business_templates",
    entity: "WhatsappBusinessTemplate",
    scope: "read_whatsappBusinessTemplates",
    parent: None,
    reference: None,
    optional: true,
    columns: &[col("_id", ColumnKind::Id), col("name", ColumnKind::Text)],
};
