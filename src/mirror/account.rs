//! Whose records a mirror holds. Two accounts in one mirror would be one account in every file, and nothing would say so.

use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::store::Writer;
use crate::error::{Error, Result};
use crate::hex;

/// Takes the mirror for this account: the API's host, and the client id, of which only a hash is kept. One that is
/// another's is refused, unless `adopt` says that it is the same account under a new key or address.
pub fn claim(writer: &mut Writer, host: &str, client_id: &str, adopt: bool) -> Result<()> {
    let client = hex::text(&Sha256::digest(client_id.as_bytes())[..8]);
    let path = writer.path().display().to_string();
    let owner: Option<(String, String)> = writer.transaction(|t| {
        let owner = t.query_row("SELECT host, client FROM account", [], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        if owner.is_none() || adopt {
            t.execute("INSERT OR REPLACE INTO account (only, host, client) VALUES (1, ?, ?)", params![host, client])?;
        }
        Ok(owner)
    })?;
    match owner {
        Some((theirs, key)) if !adopt && (theirs != host || key != client) => {
            let what = if theirs == host {
                "of another API key".to_owned()
            } else {
                format!("of an account at {theirs}, not at {host}")
            };
            Err(Error::usage(format!(
                "the mirror {path} holds the records {what}: give this one a mirror of its own (--mirror), or say \
                 --adopt-mirror when it is the same account"
            )))
        }
        _ => Ok(()),
    }
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
        let claimed =
            async |host: &'static str, id: &'static str, adopt| mirror.call(move |w| claim(w, host, id, adopt)).await;
        claimed("api.qpien.com", "a", false).await.expect("the first");
        claimed("api.qpien.com", "a", false).await.expect("the same");
        let other = claimed("api.qpien.com", "b", false).await.expect_err("another key");
        assert!(other.detail.contains("another API key") && other.detail.contains("--adopt-mirror"), "{other}");
        let other = claimed("127.0.0.1", "a", false).await.expect_err("another host");
        assert!(other.detail.contains("at api.qpien.com, not at 127.0.0.1"), "{other}");
        claimed("api.qpien.com", "b", true).await.expect("adopted");
        claimed("api.qpien.com", "b", false).await.expect("from then on");
    }
}
