//! Compresses CSV and JSON Lines files, or writes them uncompressed.

use std::io::{self, Write};

use crate::destinations::format::HashingSink;

/// How a file is compressed.
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
    /// Returns the ending that the compression adds to a file's name, such as `.gz`.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// Returns the name of the compression in the manifest, such as `gzip`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// A writer that compresses the bytes written to it, or passes them on unchanged.
pub enum CompressedWriter {
    /// Passes bytes on unchanged.
    None(HashingSink),
    /// Compresses with gzip.
    Gzip(flate2::write::GzEncoder<HashingSink>),
    /// Compresses with Zstandard.
    Zstd(zstd::stream::write::Encoder<'static, HashingSink>),
}

impl CompressedWriter {
    /// Makes a writer that compresses into `sink`.
    pub fn new(compression: Compression, sink: HashingSink) -> io::Result<CompressedWriter> {
        Ok(match compression {
            Compression::None => CompressedWriter::None(sink),
            Compression::Gzip => {
                CompressedWriter::Gzip(flate2::write::GzEncoder::new(sink, flate2::Compression::default()))
            }
            Compression::Zstd => CompressedWriter::Zstd(zstd::stream::write::Encoder::new(sink, 3)?),
        })
    }

    /// Writes what the compressor still holds, and returns the sink.
    pub fn end(self) -> io::Result<HashingSink> {
        match self {
            CompressedWriter::None(sink) => Ok(sink),
            CompressedWriter::Gzip(gzip) => gzip.finish(),
            CompressedWriter::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl Write for CompressedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            CompressedWriter::None(w) => w.write(bytes),
            CompressedWriter::Gzip(w) => w.write(bytes),
            CompressedWriter::Zstd(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            CompressedWriter::None(w) => w.flush(),
            CompressedWriter::Gzip(_) | CompressedWriter::Zstd(_) => Ok(()), // flushing a compressor costs compression; the end flushes all
        }
    }
}
