//! Replaces the manifest in an object store, on condition that it is still the one that this run has read.
//!
//! The answer to a put may be lost, and then the repeated put is refused because of the first one. So whenever a put
//! does not simply succeed, this module reads the manifest again to find out what happened.

use object_store::{Error as Refused, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};

use super::Bucket;
use crate::destinations::manifest::{Manifest, NAME};
use crate::error::{Error, Kind, Result};

/// The number of puts in a row with an unknown outcome after which the delivery gives up.
const TRIES: u32 = 3;

/// The version of the manifest when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestVersion {
    /// There was no manifest.
    Nothing,
    /// There was a manifest of this version.
    Version(UpdateVersion),
}

/// Reads the manifest. Returns its bytes, or `None` if there is no manifest, and its version.
pub fn read(bucket: &Bucket, name: &str) -> Result<(Option<Vec<u8>>, ManifestVersion)> {
    let (store, path) = (bucket.access.patient.clone(), bucket.path(name)?);
    let read = bucket.background.run(async move {
        let got = store.get(&path).await?;
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        Ok((got.bytes().await?, version))
    })?;
    match read {
        Err(Refused::NotFound { .. }) => Ok((None, ManifestVersion::Nothing)),
        Err(error) => Err(bucket.failed(name, &error)),
        Ok((bytes, version)) if version.e_tag.is_some() => {
            Ok((Some(bytes.to_vec()), ManifestVersion::Version(version)))
        }
        Ok(_) => Err(Error::new(
            Kind::DestinationUnwritable,
            format!("{}: {} gives it no ETag to hold on to", bucket.location.name_of(name), bucket.access.address),
        )),
    }
}

/// Returns a `Locked` error if the manifest is no longer of the version `seen`.
pub fn check_unchanged(bucket: &Bucket, seen: &ManifestVersion) -> Result<()> {
    let (now, version) = read(bucket, NAME)?;
    if is_same(&version, seen) { Ok(()) } else { Err(changed_by_another(bucket, now.as_deref())) }
}

/// Writes `bytes` as the new manifest if the present one is still of the version `seen`. Returns the new version, or
/// a `Locked` error if another writer has changed the manifest.
pub fn replace(bucket: &Bucket, seen: &ManifestVersion, bytes: &[u8]) -> Result<ManifestVersion> {
    let mut tries = 1;
    loop {
        let (store, path) = (bucket.access.patient.clone(), bucket.path(NAME)?);
        let mode = match seen.clone() {
            ManifestVersion::Nothing => PutMode::Create,
            ManifestVersion::Version(version) => PutMode::Update(version),
        };
        let (options, payload) = (PutOptions { mode, ..PutOptions::default() }, bytes.to_vec());
        let put = bucket.background.run(async move { store.put_opts(&path, payload.into(), options).await })?;
        let error = match put {
            Ok(done) => return Ok(ManifestVersion::Version(done.into())),
            Err(error) => error,
        };
        let (now, version) = read(bucket, NAME)?;
        if now.as_deref() == Some(bytes) {
            return Ok(version);
        }
        if !is_same(&version, seen) {
            return Err(changed_by_another(bucket, now.as_deref()));
        }
        if tries == TRIES || matches!(error, Refused::PermissionDenied { .. } | Refused::Unauthenticated { .. }) {
            return Err(bucket.failed(NAME, &error));
        }
        tries += 1;
    }
}

fn is_same(a: &ManifestVersion, b: &ManifestVersion) -> bool {
    let tag = |seen: &ManifestVersion| match seen {
        ManifestVersion::Nothing => None,
        ManifestVersion::Version(version) => version.e_tag.clone(),
    };
    tag(a) == tag(b)
}

/// Makes the error for a manifest that another writer has changed. `now` is the manifest's present content, from
/// which the message names the writer if possible.
fn changed_by_another(bucket: &Bucket, now: Option<&[u8]>) -> Error {
    let place = bucket.location.name_of(NAME);
    let theirs = now.and_then(|bytes| serde_json::from_slice::<Manifest>(bytes).ok());
    let detail = match (now, theirs) {
        (None, _) => format!("{place} was removed by somebody else since this run read it"),
        (_, None) => format!("{place} was written by somebody else since this run read it"),
        (_, Some(theirs)) => format!(
            "{place} was written by somebody else since this run read it: by job {}, run {}, at {}",
            theirs.job, theirs.run_id, theirs.published_at
        ),
    };
    Error::new(Kind::Locked, detail)
}
