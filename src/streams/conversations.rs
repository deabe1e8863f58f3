//! `ExternalConversation` (documented). The messages are partitioned by its records.

use super::{Definition, Kind, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "conversations",
    entity: "ExternalConversation",
    scope: "read_conversations",
    parent: None,
    optional: false,
    columns: &[
        col("_id", Kind::Id),
        col("customer", Kind::Id),
        col("joinedPerson", Kind::Id),
        col("joinedCPerson", Kind::Id),
        col("isStarred", Kind::Boolean),
        col("status", Kind::Text),
        col("isGroupOrChannel", Kind::Boolean),
        col("lastMessage", Kind::Json),
        col("lastReceivedMessageChannel", Kind::Id),
        col("tags", Kind::Json),
        col("channels", Kind::Json),
        col("type", Kind::Text),
        col("priority", Kind::Text),
    ],
};
