//! The options of CSV files.

use crate::destinations::compression::Compression;

/// How CSV files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// The ASCII character between cells.
    pub delimiter: u8,
    /// Whether lines end with CRLF instead of LF.
    pub crlf: bool,
    /// Whether a `'` is put before values that a spreadsheet would run as a formula.
    pub formula_safe: bool,
    /// The compression of the files.
    pub compression: Compression,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions { delimiter: b',', crlf: false, formula_safe: false, compression: Compression::None }
    }
}
