//! Whose records a mirror holds. Two accounts in one mirror would be one account in every file, and nothing would say so.

use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::store::Writer;
use crate::error::{Error, Result};
use crate::hex;

/// An account: the API's host, and the client id, of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    host: String,
    client: String,
}

impl Account {
    /// The account of this key at this host.
    pub fn new(host: &str, client_id: &str) -> Account {
        Account { host: host.to_owned(), client: hex::text(&Sha256::digest(client_id.as_bytes())[..8]) }
    }
}

/// Refuses a mirror that is another account's.
pub fn check(writer: &mut Writer, account: &Account) -> Result<()> {
    let path = writer.path().display().to_string();
    let owner = writer.transaction(|t| {
        let read = |r: &rusqlite::Row<'_>| Ok(Account { host: r.get(0)?, client: r.get(1)? });
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

/// Takes the mirror for an account, once its key has been accepted.
pub fn claim(writer: &mut Writer, account: &Account) -> Result<()> {
    writer.transaction(|t| {
        t.execute(
            "INSERT OR REPLACE INTO account (only, host, client) VALUES (1, ?, ?)",
            params![account.host, account.client],
        )
        .map(drop)
    })
}

/// Refuses a mirror whose records landed with other masks than these: what should be masked would stay in it as it is.
pub fn claim_masks(writer: &mut Writer, masks: &str) -> Result<()> {
    let path = writer.path().display().to_string();
    let is_same = writer.transaction(|t| {
        let holds_records: bool = t.query_row("SELECT last > 0 FROM sequence", [], |r| r.get(0))?;
        if holds_records {
            return t.query_row("SELECT masks = ? FROM identity", [masks], |r| r.get(0));
        }
        t.execute("UPDATE identity SET masks = ?", [masks])?;
        Ok(true)
    })?;
    if is_same {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the mirror {path} holds records that landed with other masks (or another QPIEN_MASK_KEY) than the job's mask_at = \
         \"landing\" says now: give this job a mirror of its own (--mirror), which is read anew"
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
        let checked = async |account: Account| mirror.call(move |w| check(w, &account)).await;
        let claimed = async |account: Account| mirror.call(move |w| claim(w, &account)).await.expect("claimed");
        let ours = Account::new("api.qpien.com", "a");
        checked(ours.clone()).await.expect("nobody's yet");
        claimed(ours.clone()).await;
        checked(ours).await.expect("the same");
        let key = checked(Account::new("api.qpien.com", "b")).await.expect_err("another key");
        assert!(key.detail.contains("another API key") && key.detail.contains("--adopt-mirror"), "{key}");
        let host = checked(Account::new("127.0.0.1", "a")).await.expect_err("another host");
        assert!(host.detail.contains("at api.qpien.com, not at 127.0.0.1"), "{host}");
        claimed(Account::new("api.qpien.com", "b")).await;
        checked(Account::new("api.qpien.com", "b")).await.expect("adopted");
    }
}
