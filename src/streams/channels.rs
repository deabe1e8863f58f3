//! The connected channels: `ConnectedPlatform`. The operation and its scope are documented, the fields were only
//! *seen*.

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
