//! The conversations with contacts: `ExternalConversation` (documented). Each conversation is the parent of a
//! partition of messages.

use super::{ColumnKind, Definition, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "conversations",
    entity: "ExternalConversation",
    scope: "read_conversations",
    parent: None,
    reference: Some("joinedPerson"),
    optional: false,
    columns: &[
        col("_id", ColumnKind::Id),
        col("customer", ColumnKind::Id),
        col("joinedPerson", ColumnKind::Id),
        col("joinedCPerson", ColumnKind::Id),
        col("isStarred", ColumnKind::Boolean),
        col("status", ColumnKind::Text),
        col("isGroupOrChannel", ColumnKind::Boolean),
        col("lastMessage", ColumnKind::Json),
        col("lastReceivedMessageChannel", ColumnKind::Id),
        col("tags", ColumnKind::Json),
        col("channels", ColumnKind::Json),
        col("type", ColumnKind::Text),
        col("priority", ColumnKind::Text),
    ],
};
