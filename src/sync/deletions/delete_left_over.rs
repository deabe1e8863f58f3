//! Deletes records that a list no longer shows because the job asks for something else
//! ([`crate::mirror::left_over`]). They are not suspects, because they may still exist in the source. Only a run with
//! `--allow-deletes` deletes them; every other run refuses to.

use super::Stage;
use super::judge::{Concluded, Refusal};
use crate::delete_limit::Refused;
use crate::error::Result;
use crate::mirror::deletions as stored;
use crate::mirror::left_over;
use crate::mirror::suspects::BATCH;

impl Stage<'_> {
    /// Deletes the records that are left over, and the records that belong to them, if that is allowed. Otherwise
    /// stores a refusal in `concluded`.
    pub(super) async fn delete_left_over(&self, concluded: &mut Concluded) -> Result<()> {
        let left = &self.left_over;
        if left.count == 0 {
            return Ok(());
        }
        if !self.context.deletes.allowed {
            if concluded.refusal.is_none() {
                let live = self.call(|w, of| stored::live(w, of.stream)).await?;
                let (count, ids, settings) = (left.count, left.ids.clone(), left.settings.clone());
                let why = Refused::NotAskedFor;
                concluded.refusal = Some(Refusal { stream: self.of.stream, count, live, why, ids, settings });
            }
            return Ok(());
        }
        let (shown, child) = (left.shown, self.child);
        loop {
            let gone = self.call(move |w, of| {
                let (ids, asked_otherwise) = w.transaction(|t| {
                    let ids = left_over::ids(t, of.stream, shown, BATCH)?;
                    let asked_otherwise = left_over::unsuspected(t, of.stream, &ids, shown)?;
                    Ok((ids, asked_otherwise))
                })?;
                let gone = stored::make_tombstones(w, of.run, of.stream, child, &ids, shown)?;
                let Some(child) = child else { return Ok((gone, 0)) };
                // These are not asked for any more either, so they are not searched for in other lists. Records whose
                // parent was gone before the job asked for something else are orphans as usual.
                let of_these = w.transaction(|t| left_over::children(t, child, &asked_otherwise))?;
                Ok((gone, stored::make_tombstones(w, of.run, child, None, &of_these, i64::MAX)?))
            });
            let (gone, with_them) = gone.await?;
            if gone == 0 {
                return Ok(());
            }
            (concluded.not_asked_for, concluded.with_them) =
                (concluded.not_asked_for + gone, concluded.with_them + with_them);
        }
    }
}
