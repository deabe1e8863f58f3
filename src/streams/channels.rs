//! The connected channels: `ConnectedPlatform` (its fields are *seen*; the operation and its scope are documented).

use super::{Definition, Kind, col};

pub(super) const DEFINITION: Definition = Definition {
    name: "channels",
    entity: "ConnectedPlatform",
    scope: "read_channels",
    parent: None,
    optional: true,
    columns: &[
        col("_id", Kind::Id),
        col("name", Kind::Text),
        col("status", Kind::Text),
        col("channelId", Kind::Text),
        col("channelType", Kind::Text),
        col("senderEmailAddress", Kind::Text),
    ],
};
