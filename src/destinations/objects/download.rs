//! Reads an object piece by piece, with one piece in memory at a time.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::{Error as Refused, ObjectStoreExt as _};

use super::Bucket;
use crate::error::Result;

/// Starts to download the object of the file `name`. Returns `None` if it does not exist.
pub fn open(bucket: &Arc<Bucket>, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
    let (store, path) = (bucket.access.patient.clone(), bucket.path(name)?);
    match bucket.background.run(async move { store.get(&path).await })? {
        Err(Refused::NotFound { .. }) => Ok(None),
        Err(error) => Err(bucket.failed(name, &error)),
        Ok(got) => Ok(Some(Box::new(Download {
            bucket: bucket.clone(),
            name: name.to_owned(),
            stream: Some(got.into_stream()),
            piece: Bytes::new(),
        }))),
    }
}

struct Download {
    bucket: Arc<Bucket>,
    name: String,
    /// The rest of the object. `None` at its end, or after a failed read.
    stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    piece: Bytes,
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let Some(mut stream) = self.stream.take() else { return Ok(0) };
            let next = self.bucket.background.run(async move {
                let next = stream.next().await;
                (next, stream)
            });
            let (next, stream) = next.map_err(io::Error::other)?;
            let Some(piece) = next else { return Ok(0) };
            self.piece = piece.map_err(|error| io::Error::other(self.bucket.failed(&self.name, &error)))?;
            self.stream = Some(stream);
        }
        let n = into.len().min(self.piece.len());
        into[..n].copy_from_slice(&self.piece[..n]);
        self.piece.advance(n);
        Ok(n)
    }
}
