//! The messages of conversations: `ExternalMessage` (documented). The documentation page is cut off after
//! `informativeButtons`, at a field whose name starts with `flowBot`, so columns may be missing here.
//!
//! `failedReason` and the `…Data` fields are objects of undocumented shape. They are columns here, but the shipped
//! selection does not ask for them.

use super::{ColumnKind, Definition, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "messages",
    entity: "ExternalMessage",
    scope: "read_messages",
    parent: Some(super::Stream::Conversations),
    reference: Some("conversation"),
    optional: false,
    columns: &[
        col("_id", ColumnKind::Id),
        col("sender", ColumnKind::Json),
        col("conversation", ColumnKind::Id),
        col("messageType", ColumnKind::Text),
        col("channelType", ColumnKind::Text),
        col("senderType", ColumnKind::Text),
        col("content", ColumnKind::Text),
        col("contentHtml", ColumnKind::Text),
        col("subject", ColumnKind::Text),
        col("emailData", ColumnKind::Json),
        col("commentData", ColumnKind::Json),
        col("questionData", ColumnKind::Json),
        col("media", ColumnKind::Json),
        col("template_cards", ColumnKind::Json),
        col("product_cards", ColumnKind::Json),
        col("channelMessageId", ColumnKind::Text),
        col("ackStatus", ColumnKind::Text),
        col("createdAt", ColumnKind::Timestamp),
        col("autoCreate", ColumnKind::Boolean),
        col("failedReason", ColumnKind::Json),
        col("surveyData", ColumnKind::Json),
        col("informativeButtons", ColumnKind::Json),
    ],
};
