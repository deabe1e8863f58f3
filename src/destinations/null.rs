//! A store that keeps nothing. Files written to it are counted and hashed like any others, so that `verify` can
//! compute the checksums of a delivery without making one.

use std::io::{self, Read, Write};

use crate::destinations::store::{Sink, Store};
use crate::error::{Error, Kind, Result};

/// The store that keeps nothing.
pub struct NullStore;

struct Nothing;

impl Write for Nothing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Nothing {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

impl Store for NullStore {
    fn place(&self) -> String {
        "nowhere".into()
    }

    fn check(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn stage(&self, _: &str) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Nothing))
    }

    fn publish(&self, _: &[String]) -> Result<()> {
        Ok(())
    }

    fn clear_staging(&self) -> Result<()> {
        Ok(())
    }

    fn open(&self, _: &str) -> Result<Option<Box<dyn Read + Send>>> {
        Ok(None)
    }

    fn read(&mut self, _: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn replace(&mut self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn list(&self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn failed(&self, name: &str, error: &io::Error) -> Error {
        Error::new(Kind::Internal, format!("{name}: {error}"))
    }

    fn name_of(&self, name: &str) -> String {
        name.to_owned()
    }
}
