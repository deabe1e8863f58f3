//! `ExternalMessage` (documented; the page is cut off after `informativeButtons`, at a field whose name starts with
//! `flowBot`).
//!
//! `failedReason` and the `…Data` fields are objects of undocumented shape. They are columns here, but the shipped
//! selection does not ask for them.

use super::{Definition, Kind, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "messages",
    entity: "ExternalMessage",
    scope: "read_messages",
    parent: Some(super::Stream::Conversations),
    optional: false,
    columns: &[
        col("_id", Kind::Id),
        col("sender", Kind::Json),
        col("conversation", Kind::Id),
        col("messageType", Kind::Text),
        col("channelType", Kind::Text),
        col("senderType", Kind::Text),
        col("content", Kind::Text),
        col("contentHtml", Kind::Text),
        col("subject", Kind::Text),
        col("emailData", Kind::Json),
        col("commentData", Kind::Json),
        col("questionData", Kind::Json),
        col("media", Kind::Json),
        col("template_cards", Kind::Json),
        col("product_cards", Kind::Json),
        col("channelMessageId", Kind::Text),
        col("ackStatus", Kind::Text),
        col("createdAt", Kind::Timestamp),
        col("autoCreate", Kind::Boolean),
        col("failedReason", Kind::Json),
        col("surveyData", Kind::Json),
        col("informativeButtons", Kind::Json),
    ],
};
