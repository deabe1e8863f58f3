//! Compresses text files, or writes them as they are.

use std::io::{self, Write};

use crate::destinations::format::Summed;

/// The compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// gzip: `.gz`
    Gzip,
    /// Zstandard: `.zst`
    Zstd,
}

impl Compression {
    /// Returns what a file's name ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// Returns its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// A writer that compresses, or passes bytes on as they are.
pub enum Packed {
    /// Passes bytes on.
    None(Summed),
    /// Compresses with gzip.
    Gzip(flate2::write::GzEncoder<Summed>),
    /// Compresses with Zstandard.
    Zstd(zstd::stream::write::Encoder<'static, Summed>),
}

impl Packed {
    /// Begins to compress what goes to `sink`.
    pub fn new(compression: Compression, sink: Summed) -> io::Result<Packed> {
        Ok(match compression {
            Compression::None => Packed::None(sink),
            Compression::Gzip => Packed::Gzip(flate2::write::GzEncoder::new(sink, flate2::Compression::default())),
            Compression::Zstd => Packed::Zstd(zstd::stream::write::Encoder::new(sink, 3)?),
        })
    }

    /// Writes what the compressor still holds, and returns the sink.
    pub fn end(self) -> io::Result<Summed> {
        match self {
            Packed::None(sink) => Ok(sink),
            Packed::Gzip(gzip) => gzip.finish(),
            Packed::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packed::None(w) => w.write(bytes),
            Packed::Gzip(w) => w.write(bytes),
            Packed::Zstd(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Packed::None(w) => w.flush(),
            Packed::Gzip(_) | Packed::Zstd(_) => Ok(()), // flushing a compressor costs compression; the end flushes all
        }
    }
}
