//! Remembers which account a mirror belongs to, and with which masks its records were stored. Without this check, the
//! records of two accounts in one mirror would look like one account's in every file.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::errors::failed;
use super::schema::has_table;
use super::store::Writer;
use crate::error::{Error, Result};
use crate::hex;

/// Identifies an account by the API's host and a hash of the client id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountIdentity {
    host: String,
    client: String,
}

impl AccountIdentity {
    /// Returns the identity of the account with this client id at this host.
    pub fn new(host: &str, client_id: &str) -> AccountIdentity {
        AccountIdentity { host: host.to_owned(), client: hex::text(&Sha256::digest(client_id.as_bytes())[..8]) }
    }
}

/// Returns a usage error if the mirror belongs to another account.
pub fn check(writer: &mut Writer, account: &AccountIdentity) -> Result<()> {
    let path = writer.path().display().to_string();
    let owner = writer.transaction(|t| {
        let read = |r: &rusqlite::Row<'_>| Ok(AccountIdentity { host: r.get(0)?, client: r.get(1)? });
        t.query_row("SELECT host, client FROM account", [], read).optional()
    })?;
    let Some(owner) = owner.filter(|owner| owner != account) else {
        return Ok(());
    };
    let what = if owner.host == account.host {
        "of another API key".to_owned()
    } else {
        format!("of an account at {}, not at {}", owner.host, account.host)
    };
    Err(Error::usage(format!(
        "the mirror {path} holds the records {what}: give this one a mirror of its own (--mirror), or say --adopt-mirror \
         when it is the same account"
    )))
}

/// Records that the mirror belongs to this account. Called once the API has accepted the account's key.
pub fn claim(writer: &mut Writer, account: &AccountIdentity) -> Result<()> {
    writer.transaction(|t| {
        t.execute(
            "INSERT OR REPLACE INTO account (only, host, client) VALUES (1, ?, ?)",
            params![account.host, account.client],
        )
        .map(drop)
    })
}

/// Returns a usage error if the mirror's records were stored with other masks than `masks`
/// ([`crate::record::mask::Masks::fingerprint`]). Otherwise, values that must be masked could stay readable in the
/// mirror, and masked values could be masked twice. If the mirror holds no records yet, stores `masks`.
pub fn claim_masks(writer: &mut Writer, masks: &str) -> Result<()> {
    let path = writer.path().to_owned();
    let landed = writer.transaction(|t| {
        let landed = landed_with(t)?;
        if landed.is_none() {
            t.execute("UPDATE identity SET masks = ?", [masks])?;
        }
        Ok(landed)
    })?;
    refuse_other_masks(&path, landed.as_deref(), masks)
}

/// Does the same as [`claim_masks`] for a mirror that is only read, and stores nothing. Accepts a mirror that is too
/// old to remember masks.
pub fn check_masks(connection: &Connection, path: &Path, masks: &str) -> Result<()> {
    let say = |e: rusqlite::Error| failed(path, &e);
    if !has_table(connection, "identity").map_err(say)? {
        return Ok(());
    }
    refuse_other_masks(path, landed_with(connection).map_err(say)?.as_deref(), masks)
}

/// Returns the fingerprint of the masks with which the mirror's records were stored, or `None` if the mirror holds no
/// records.
fn landed_with(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT masks FROM identity WHERE (SELECT last > 0 FROM sequence)", [], |r| r.get(0))
        .optional()
}

/// Returns the usage error of [`claim_masks`] if `landed`, the fingerprint of the masks in use when the records were
/// stored, differs from `masks`.
fn refuse_other_masks(path: &Path, landed: Option<&str>, masks: &str) -> Result<()> {
    let what = match landed {
        None => return Ok(()),
        Some(landed) if landed == masks => return Ok(()),
        Some("") => {
            "landed without masks, and the job says mask_at = \"landing\": they would be delivered in the clear"
        }
        Some(_) if masks.is_empty() => "landed with masks, and the job does not say mask_at = \"landing\"",
        Some(_) => "landed with other masks (or another QPIEN_MASK_KEY) than the job's mask_at = \"landing\" says now",
    };
    Err(Error::usage(format!(
        "the mirror {} holds records that {what}: give this job a mirror of its own (--mirror), which is read anew",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::store::Mirror;
    use crate::streams::DateForm;

    #[tokio::test]
    async fn a_mirror_is_one_accounts() {
        let dir = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&dir.path().join("m.db"), "a test", DateForm::Iso8601).expect("a mirror");
        let checked = async |account: AccountIdentity| mirror.call(move |w| check(w, &account)).await;
        let claimed = async |account: AccountIdentity| mirror.call(move |w| claim(w, &account)).await.expect("claimed");
        let ours = AccountIdentity::new("api.qpien.com", "a");
        checked(ours.clone()).await.expect("nobody's yet");
        claimed(ours.clone()).await;
        checked(ours).await.expect("the same");
        let key = checked(AccountIdentity::new("api.qpien.com", "b")).await.expect_err("another key");
        assert!(key.detail.contains("another API key") && key.detail.contains("--adopt-mirror"), "{key}");
        let host = checked(AccountIdentity::new("127.0.0.1", "a")).await.expect_err("another host");
        assert!(host.detail.contains("at api.qpien.com, not at 127.0.0.1"), "{host}");
        claimed(AccountIdentity::new("api.qpien.com", "b")).await;
        checked(AccountIdentity::new("api.qpien.com", "b")).await.expect("adopted");
    }
}
