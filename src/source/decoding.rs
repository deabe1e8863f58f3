//! Decompresses the body of an answer. `Content-Encoding` may name `gzip`, `deflate`, `br` and `zstd`, alone or one
//! after another. The server may have compressed the body, or a proxy in front of the server.
//!
//! The HTTP client's own decompression is not used, because it undoes one coding only. It also fails on the answer if
//! a proxy names a coding that it has undone already, or does not name the coding. Here the first bytes of the body
//! count as well: JSON never begins like compressed data.

use std::io::{self, Read};

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use crate::error::{Error, Kind, Result};

/// The value of the `Accept-Encoding` header: the codings that requests accept, best first.
pub const ACCEPTED: &str = "zstd, br, gzip, deflate";

/// The most codings that are undone for one body: first of those that the header names, then of those that only the
/// body's first bytes show.
const MOST: usize = 4;

/// A compression format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// Returns the coding with this name in `Content-Encoding`, or `None` for `identity` and for unknown names.
    fn named(name: &str) -> Option<Coding> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }

    /// Returns the coding that the body's first bytes identify, or `None` if they identify none. Deflate and Brotli
    /// cannot be identified so.
    fn marked(body: &[u8]) -> Option<Coding> {
        match body {
            [0x1f, 0x8b, ..] => Some(Coding::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Coding::Zstd),
            _ => None,
        }
    }

    fn undo(self, body: &[u8], most: usize) -> Result<Vec<u8>> {
        match self {
            Coding::Gzip => read(flate2::read::MultiGzDecoder::new(body), most),
            // `deflate` means zlib, but some servers send the raw deflate stream.
            Coding::Deflate => match read(flate2::read::ZlibDecoder::new(body), most) {
                Err(e) if e.kind == Kind::Garbled => read(flate2::read::DeflateDecoder::new(body), most),
                decoded => decoded,
            },
            Coding::Brotli => read(brotli::Decompressor::new(body, 64 * 1024), most),
            Coding::Zstd => read(zstd::stream::read::Decoder::with_buffer(body).map_err(|e| garbled(&e))?, most),
        }
    }
}

/// Returns the decompressed body. Fails if it would be larger than `most` bytes, or if its end is missing.
pub fn undo(headers: &HeaderMap, mut body: Vec<u8>, most: usize) -> Result<Vec<u8>> {
    let names = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<Coding> = names.flat_map(|names| names.split(',')).filter_map(Coding::named).collect();
    for coding in codings.into_iter().rev().take(MOST) {
        if is_plain(&body) || Coding::marked(&body).is_some_and(|marked| marked != coding) {
            break;
        }
        body = coding.undo(&body, most)?;
    }
    for _ in 0..MOST {
        let Some(coding) = Coding::marked(&body) else { break };
        body = coding.undo(&body, most)?;
    }
    Ok(body)
}

/// Returns whether a body is not compressed, whatever its headers say: it is empty, or it is UTF-8 text that begins
/// like JSON or HTML. All of it has to be text, because a Brotli body may begin with a bracket by chance.
fn is_plain(body: &[u8]) -> bool {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    text.is_empty()
        || (matches!(text, [b'{' | b'[' | b'<', ..]) && std::str::from_utf8(text).is_ok() && !text.contains(&0))
}

fn read(decoder: impl Read, most: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    decoder.take(most as u64 + 1).read_to_end(&mut body).map_err(|e| garbled(&e))?;
    if body.len() > most {
        return Err(Error::new(Kind::TooLarge, format!("the answer is larger than {most} bytes")));
    }
    Ok(body)
}

fn garbled(error: &io::Error) -> Error {
    Error::new(Kind::Garbled, format!("the answer was cut: it cannot be decompressed ({:?})", error.kind()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use reqwest::header::HeaderValue;

    use super::*;

    const TEXT: &[u8] = br#"{"data":{"getContactList":{"docs":[]}}}"#;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory")
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory")
    }

    fn bare(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory")
    }

    fn br(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(body).expect("memory");
        out
    }

    fn zst(body: &[u8]) -> Vec<u8> {
        zstd::encode_all(body, 1).expect("memory")
    }

    fn undone(named: &[&str], body: Vec<u8>) -> Result<Vec<u8>> {
        let value = |name: &&str| (CONTENT_ENCODING, HeaderValue::from_str(name).expect("a value"));
        undo(&named.iter().map(value).collect(), body, 1000)
    }

    #[test]
    fn every_valid_form_is_undone() {
        let halves = [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat();
        let frames = [zst(&TEXT[..9]), zst(&TEXT[9..])].concat();
        for (named, body) in [
            (&["gzip"][..], gzip(TEXT)),
            (&["GZIP"], gzip(TEXT)),
            (&["x-gzip"], gzip(TEXT)),
            (&["gzip"], halves),
            (&["deflate"], zlib(TEXT)),
            (&["deflate"], bare(TEXT)),
            (&["br"], br(TEXT)),
            (&["zstd"], zst(TEXT)),
            (&["zstd"], frames),
            (&["identity"], TEXT.to_vec()),
            (&[""], TEXT.to_vec()),
            (&["identity, gzip"], gzip(TEXT)),
            (&["br, gzip"], gzip(&br(TEXT))),
            (&["deflate", "zstd"], zst(&zlib(TEXT))),
            (&["gzip, gzip"], gzip(&gzip(TEXT))),
        ] {
            assert_eq!(undone(named, body).as_deref(), Ok(TEXT), "{named:?}");
        }
    }

    #[test]
    fn what_a_proxy_forgot_to_name_is_undone_and_what_it_undid_stays() {
        assert_eq!(undone(&[], gzip(TEXT)).as_deref(), Ok(TEXT));
        assert_eq!(undone(&["br"], gzip(TEXT)).as_deref(), Ok(TEXT));
        assert_eq!(undone(&["gzip"], gzip(&zst(TEXT))).as_deref(), Ok(TEXT));
        for named in ["gzip", "br", "deflate", "zstd", "compress"] {
            assert_eq!(undone(&[named], TEXT.to_vec()).as_deref(), Ok(TEXT), "{named}");
        }
    }

    #[test]
    fn what_is_cut_or_too_large_is_told_and_never_panics() {
        for (named, body) in [("gzip", gzip(TEXT)), ("deflate", zlib(TEXT)), ("br", br(TEXT)), ("zstd", zst(TEXT))] {
            for cut in 0..body.len() {
                let left = undone(&[named], body[..cut].to_vec());
                assert!(left.as_deref() != Ok(TEXT) || cut + 8 >= body.len(), "{named} {cut}");
            }
            let blanks = vec![b' '; 1_000_000];
            let bomb = match named {
                "gzip" => gzip(&blanks),
                "deflate" => zlib(&blanks),
                "br" => br(&blanks),
                _ => zst(&blanks),
            };
            assert_eq!(undone(&[named], bomb).expect_err(named).kind, Kind::TooLarge);
        }
    }
}
