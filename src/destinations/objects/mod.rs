//! Delivers files to an object store that speaks S3. An object appears complete or not at all, and replaces an object
//! of the same name in one step. So no staging folder is needed: data files are uploaded in parts while they are
//! written (`upload.rs`), and the uploads are completed when the delivery is complete. A failure before that leaves
//! nothing that a reader sees.
//!
//! The manifest is put with a condition: it must still be the one that [`Store::read`] returned. So the store itself
//! refuses a second writer, at the manifest and, as a rule, before any file of that writer appears. If the answer to
//! a put is lost, this module reads the object. If it is this run's own object, the put has succeeded; otherwise
//! somebody else wrote the object.
//!
//! All requests run on a background thread (`destinations/background.rs`), because a delivery runs on a thread without
//! an async runtime. The client repeats failed requests for as long as the job's `retry_for` allows.

mod access;
mod classify;
mod direct;
mod download;
mod manifest;
mod probe;
mod upload;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use self::access::BucketClients;
use self::manifest::ManifestVersion;
use self::upload::{StagedUpload, Upload};
use super::location::StoreLocation;
use super::store::{Sink, Store};
use crate::destinations::background::Background;
use crate::error::{Error, Kind, Result};

/// A destination of files in an object store: a bucket and a prefix in it.
pub struct ObjectPrefix {
    bucket: Arc<Bucket>,
    /// The version of the manifest that this run has read and will replace. `None` until it was read.
    seen: Option<ManifestVersion>,
}

/// What [`ObjectPrefix`] and its uploads share: the location, the clients and the finished uploads.
struct Bucket {
    location: StoreLocation,
    access: BucketClients,
    background: Background,
    /// The files that are completely uploaded but not published yet, by name.
    staged: Mutex<BTreeMap<String, StagedUpload>>,
}

impl ObjectPrefix {
    /// Describes the destination, with the credentials and the endpoint that `variables`, the environment, give.
    /// Sends no request. Failed requests are repeated for `retry_for`.
    pub fn new(
        location: StoreLocation,
        variables: impl IntoIterator<Item = (String, String)>,
        retry_for: Duration,
    ) -> Result<ObjectPrefix> {
        let access = BucketClients::new(&location, variables, retry_for)?;
        let background = Background::start("objects")?;
        let staged = Mutex::default();
        Ok(ObjectPrefix { bucket: Arc::new(Bucket { location, access, background, staged }), seen: None })
    }
}

impl Bucket {
    fn path(&self, name: &str) -> Result<Path> {
        Path::parse(self.location.key(name))
            .map_err(|_| Error::usage(format!("{}: no object can have this name", self.location.name_of(name))))
    }

    fn staged(&self) -> MutexGuard<'_, BTreeMap<String, StagedUpload>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns an error of the store about the object of this name into an error with a message.
    fn failed(&self, name: &str, error: &object_store::Error) -> Error {
        let cause = classify::told(error, &self.location.bucket, &self.access.address);
        Error::new(classify::kind(error), format!("{}: {cause}{}", self.location.name_of(name), self.access.unread()))
            .caused_by(error)
    }

    /// Aborts the uploads that were finished but will not be published. Stops at the first abort that fails, so that
    /// a store that does not answer is not asked once for each file.
    fn clear(&self) {
        let staged = std::mem::take(&mut *self.staged());
        let _ = staged.into_values().all(|one| one.let_go(self));
    }
}

impl Drop for ObjectPrefix {
    fn drop(&mut self) {
        self.bucket.clear();
    }
}

impl Store for ObjectPrefix {
    fn place(&self) -> String {
        self.bucket.location.to_string()
    }

    /// Checks what the store allows. Locks nothing, because a store has no locks; a second writer is refused when it
    /// writes the manifest.
    fn check(&mut self, _: &str) -> Result<()> {
        probe::probe(&self.bucket)
    }

    fn stage(&self, name: &str) -> Result<Box<dyn Sink>> {
        crate::failpoints::point();
        Ok(Box::new(Upload::begin(self.bucket.clone(), name)?))
    }

    fn publish(&self, names: &[String]) -> Result<()> {
        if let Some(seen) = self.seen.as_ref().filter(|_| !names.is_empty()) {
            manifest::check_unchanged(&self.bucket, seen)?;
        }
        for name in names {
            let staged = self.bucket.staged().remove(name);
            let staged = staged.ok_or_else(|| Error::new(Kind::Internal, format!("{name} was never written")))?;
            staged.appear(&self.bucket, name)?;
            crate::failpoints::point();
        }
        Ok(())
    }

    fn clear_staging(&self) -> Result<()> {
        self.bucket.clear();
        Ok(())
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        download::open(&self.bucket, name)
    }

    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let (bytes, seen) = manifest::read(&self.bucket, name)?;
        self.seen = Some(seen);
        Ok(bytes)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let seen = match self.seen.take() {
            Some(seen) => seen,
            None => manifest::read(&self.bucket, name)?.1,
        };
        self.seen = Some(manifest::replace(&self.bucket, &seen, bytes)?);
        crate::failpoints::point();
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        crate::failpoints::point();
        let (store, path) = (self.bucket.access.patient.clone(), self.bucket.path(name)?);
        match self.bucket.background.run(async move { store.delete(&path).await })? {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(self.bucket.failed(name, &error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let (store, path) = (self.bucket.access.patient.clone(), self.bucket.path(folder)?);
        let found = self.bucket.background.run(async move { store.list_with_delimiter(Some(&path)).await })?;
        let found = found.map_err(|error| self.bucket.failed(folder, &error))?;
        let names = found.objects.iter().filter_map(|o| o.location.filename()).map(|n| format!("{folder}/{n}"));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    fn failed(&self, name: &str, error: &io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(ours) => ours.clone(),
            None => {
                Error::new(Kind::DestinationUnwritable, format!("{}: {error}", self.name_of(name))).caused_by(error)
            }
        }
    }

    fn name_of(&self, name: &str) -> String {
        self.bucket.location.name_of(name)
    }
}

#[cfg(test)]
mod tests;
