//! The connected channels: `ConnectedPlatform`. The operation and its scope are documented. The fields are not
//! documented; they were only *seen*.

use super::{ColumnKind, Definition, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "channels",
    entity: "ConnectedPlatform",
    scope: "read_channels",
    parent: None,
    reference: None,
    optional: true,
    columns: &[
        col("_id", ColumnKind::Id),
        col("name", ColumnKind::Text),
        col("status", ColumnKind::Text),
        col("channelId", ColumnKind::Text),
        col("channelType", ColumnKind::Text),
        col("senderEmailAddress", ColumnKind::Text),
    ],
};
