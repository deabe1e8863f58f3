//! Tests with one small object, before the first request of a run, whether a location in an object store can be
//! written, read, listed and cleared, and whether the store refuses a put whose condition does not hold. That
//! condition is what keeps two writers apart.

use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Error as Refused, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};

use super::Bucket;
use crate::destinations::objects::classify;
use crate::error::{Error, Kind, Result};

/// The name of the object that is written and removed.
const NAME: &str = ".qpien-sync-probe";

/// An `ETag` that no object has.
const NEVER: &str = "\"00000000000000000000000000000000\"";

/// The number of conditional puts that may fail with a broken connection before the probe gives up. The client does
/// not repeat such a put by itself.
const TRIES: u32 = 3;

/// Tests every operation that a delivery needs. Returns an error that says which one fails.
pub fn probe(bucket: &Bucket) -> Result<()> {
    let (store, path, below) = (bucket.access.brief.clone(), bucket.path(NAME)?, bucket.path("")?);
    let found = bucket.background.run(async move {
        if store.credentials().get_credential().await.is_err() {
            return Ok(Found::NoCredentials);
        }
        try_all(&store, &path, &below).await
    })?;
    let (place, address) = (&bucket.location, &bucket.access.address);
    let why = match found {
        Ok(Found::Well) => return Ok(()),
        Ok(Found::Unconditional) => {
            format!("{address} ignores the condition of a put (If-Match), so nothing would keep two writers apart")
        }
        Ok(Found::NoCredentials) => format!(
            "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (this machine gave none, either){}",
            bucket.access.unread()
        ),
        Err(error) => return Err(bucket.failed("", &error)),
    };
    Err(Error::new(Kind::DestinationUnwritable, format!("{place}: {why}")))
}

enum Found {
    Well,
    NoCredentials,
    /// The store writes although the put's condition does not hold.
    Unconditional,
}

async fn try_all(store: &AmazonS3, path: &Path, below: &Path) -> object_store::Result<Found> {
    store.put(path, "qpien-sync".into()).await?;
    // The probe of a run beside this one may just have removed it.
    match store.get(path).await {
        Err(Refused::NotFound { .. }) => {}
        read => drop(read?.bytes().await?),
    }
    let mut tries = 1;
    let found = loop {
        let version = UpdateVersion { e_tag: Some(NEVER.into()), version: None };
        let options = PutOptions { mode: PutMode::Update(version), ..PutOptions::default() };
        match store.put_opts(path, "qpien-sync".into(), options).await {
            Err(Refused::Precondition { .. }) => break Found::Well,
            Ok(_) => break Found::Unconditional,
            Err(error) if tries < TRIES && classify::transport(&error).is_some() => tries += 1,
            Err(error) => return Err(error),
        }
    };
    match store.delete(path).await {
        Err(Refused::NotFound { .. }) => {}
        deleted => deleted?,
    }
    if matches!(found, Found::Well) {
        store.list_with_delimiter(Some(below)).await?;
    }
    Ok(found)
}
