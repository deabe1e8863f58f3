//! Uploads a file to an object store. The file is sent in parts while it is written, a few parts at a time, so that
//! the memory needed is bounded however large the file is. Readers do not see the file until the upload is completed.
//! A small file is kept in memory until then and sent in one request.
//!
//! A failed upload is aborted. A killed process cannot abort its uploads: the parts that it sent stay in the bucket,
//! invisible to readers, until the bucket's rule for incomplete uploads removes them.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error as Refused, GetOptions, MultipartUpload, ObjectStore as _, ObjectStoreExt as _,
    PutMultipartOptions,
};
use tokio::task::JoinHandle;

use super::Bucket;
use crate::destinations::store::Sink;
use crate::error::{Error, Kind, Result};

/// The size of a part, in bytes. All parts but the last have this size, because some S3-compatible stores demand it.
pub const PART: usize = 8 << 20;

/// The number of parts that are sent at the same time, beside the one that is being filled.
const UNDER_WAY: usize = 2;

/// The largest number of parts of an upload: S3's limit.
const MOST: usize = 10_000;

/// The total size, in bytes, of the small files that may wait in memory until they are published.
const WAITING: usize = 8 << 20;

/// How long to wait for an abort to succeed. It is short because the delivery has already waited for the store.
const ABORT: Duration = Duration::from_secs(5);

/// The metadata key of a random mark, by which an upload recognizes its own object.
const MARK: &str = "qpien-upload";

/// A file that is being written.
pub struct Upload {
    bucket: Arc<Bucket>,
    name: String,
    path: Path,
    buffer: Vec<u8>,
    parts: Option<Parts>,
    under_way: VecDeque<JoinHandle<object_store::Result<()>>>,
}

/// An upload that is sent in parts.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    mark: String,
    sent: usize,
}

/// A file that was written completely and is not published yet.
pub enum StagedUpload {
    /// The content of a small file, kept in memory.
    Small(Bytes),
    /// The upload whose parts are in the store, and its mark.
    Parts(Box<dyn MultipartUpload>, String),
}

impl Upload {
    /// Begins to write the file `name`. Sends no request.
    pub fn begin(bucket: Arc<Bucket>, name: &str) -> Result<Upload> {
        let path = bucket.path(name)?;
        Ok(Upload { bucket, name: name.to_owned(), path, buffer: Vec::new(), parts: None, under_way: VecDeque::new() })
    }

    /// Returns the upload in parts, and begins it if there is none yet.
    fn parts(&mut self) -> Result<&mut Parts> {
        let parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.multipart()?,
        };
        Ok(self.parts.insert(parts))
    }

    fn multipart(&self) -> Result<Parts> {
        let mark = format!("{:016x}", RandomState::new().build_hasher().finish());
        let attributes = Attributes::from_iter([(Attribute::Metadata(MARK.into()), mark.clone())]);
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let (store, path) = (self.bucket.access.patient.clone(), self.path.clone());
        let upload = self.bucket.background.run(async move { store.put_multipart_opts(&path, options).await })?;
        let upload = upload.map_err(|error| self.bucket.failed(&self.name, &error))?;
        Ok(Parts { upload, mark, sent: 0 })
    }

    /// Sends the buffer as a part, and makes `next` the new buffer. First waits until fewer than `UNDER_WAY` parts
    /// are being sent.
    fn send(&mut self, next: Vec<u8>) -> Result<()> {
        while self.under_way.len() >= UNDER_WAY {
            self.arrive()?;
        }
        let part = std::mem::replace(&mut self.buffer, next);
        let name = self.bucket.location.name_of(&self.name);
        let parts = self.parts()?;
        if parts.sent == MOST {
            let gib = (PART * MOST) >> 30;
            return Err(Error::new(
                Kind::DestinationUnwritable,
                format!("{name} is larger than {gib} GiB, the most of one object: give the destination a `split`"),
            ));
        }
        parts.sent += 1;
        let sending = parts.upload.put_part(part.into());
        self.under_way.push_back(self.bucket.background.spawn(sending)?);
        Ok(())
    }

    /// Waits until the oldest part that is being sent has arrived.
    fn arrive(&mut self) -> Result<()> {
        let Some(oldest) = self.under_way.pop_front() else { return Ok(()) };
        let arrived = self.bucket.background.run(oldest)?;
        let arrived = arrived.map_err(|_| Error::new(Kind::Internal, "a part was let go"))?;
        arrived.map_err(|error| self.bucket.failed(&self.name, &error))
    }

    fn end(&mut self) -> Result<()> {
        let waiting: usize = self.bucket.staged().values().map(StagedUpload::bytes).sum();
        if self.parts.is_none() && waiting + self.buffer.len() <= WAITING {
            let small = std::mem::take(&mut self.buffer).into_boxed_slice();
            self.bucket.staged().insert(self.name.clone(), StagedUpload::Small(small.into()));
            return Ok(());
        }
        if !self.buffer.is_empty() || self.parts.is_none() {
            self.send(Vec::new())?;
        }
        while !self.under_way.is_empty() {
            self.arrive()?;
        }
        if let Some(parts) = self.parts.take() {
            self.bucket.staged().insert(self.name.clone(), StagedUpload::Parts(parts.upload, parts.mark));
        }
        Ok(())
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == PART {
            self.send(Vec::with_capacity(PART)).map_err(io::Error::other)?;
        }
        let n = bytes.len().min(PART - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    /// Does nothing: a part is sent when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Upload {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.end().map_err(io::Error::other)
    }
}

impl Drop for Upload {
    /// Aborts an upload that was not finished.
    fn drop(&mut self) {
        for part in self.under_way.drain(..) {
            part.abort();
        }
        if let Some(parts) = self.parts.take() {
            StagedUpload::Parts(parts.upload, parts.mark).let_go(&self.bucket);
        }
    }
}

impl StagedUpload {
    /// Returns the number of bytes that the file occupies in memory.
    fn bytes(&self) -> usize {
        match self {
            StagedUpload::Small(bytes) => bytes.len(),
            StagedUpload::Parts(..) => 0,
        }
    }

    /// Publishes the file, in one step, under `name`. Replaces an earlier object of that name.
    pub fn appear(self, bucket: &Bucket, name: &str) -> Result<()> {
        let (store, path) = (bucket.access.patient.clone(), bucket.path(name)?);
        match self {
            StagedUpload::Small(bytes) => {
                let put = bucket.background.run(async move { store.put(&path, bytes.into()).await })?;
                put.map(drop).map_err(|error| bucket.failed(name, &error))
            }
            StagedUpload::Parts(mut upload, mark) => {
                let (upload, error) = bucket.background.run(async move {
                    let error = upload.complete().await.err();
                    (upload, error)
                })?;
                let Some(error) = error else { return Ok(()) };
                if is_there(bucket, name, &mark)? {
                    return Ok(());
                }
                StagedUpload::Parts(upload, mark).let_go(bucket);
                Err(bucket.failed(name, &error))
            }
        }
    }

    /// Aborts the upload. Returns `true` if no part remains in the bucket. If the abort fails, the bucket's rule for
    /// incomplete uploads has to remove the parts.
    pub fn let_go(self, bucket: &Bucket) -> bool {
        let StagedUpload::Parts(mut upload, _) = self else { return true };
        let aborting = async move { tokio::time::timeout(ABORT, upload.abort()).await };
        let aborted = matches!(bucket.background.run(aborting), Ok(Ok(Ok(()) | Err(Refused::NotFound { .. }))));
        if !aborted {
            tracing::warn!(
                place = %bucket.location,
                "an upload could not be aborted: its parts stay until the bucket's rule for incomplete uploads removes them"
            );
        }
        aborted
    }
}

/// Returns whether the object `name` has this upload's mark. If so, the upload was completed, and only the answer was
/// lost.
fn is_there(bucket: &Bucket, name: &str, mark: &str) -> Result<bool> {
    let (store, path) = (bucket.access.patient.clone(), bucket.path(name)?);
    let options = GetOptions { head: true, ..GetOptions::default() };
    match bucket.background.run(async move { store.get_opts(&path, options).await })? {
        Ok(got) => {
            Ok(got.attributes.get(&Attribute::Metadata(MARK.into())).is_some_and(|found| found.as_ref() == mark))
        }
        Err(Refused::NotFound { .. }) => Ok(false),
        Err(error) => Err(bucket.failed(name, &error)),
    }
}
