//! Reads the mirror's records for a destination, with the job's masks applied. A destination never sees a value that
//! the job masks.

use std::sync::LazyLock;

use crate::config::job::MaskAt;
use crate::config::settings::Settings;
use crate::mirror::changes::MirrorView;
use crate::record::mask::{Masked, Masks};

/// Returns a reader of the mirror for destinations. It applies the job's masks, unless the records were already
/// masked when they were stored in the mirror.
pub fn masked<'r>(settings: &'r Settings, reading: &'r MirrorView) -> Masked<'r> {
    static NONE: LazyLock<Masks> = LazyLock::new(Masks::default);
    let masks = if settings.mask_at == MaskAt::Delivery { &settings.masks } else { &NONE };
    Masked { reader: reading, masks }
}
