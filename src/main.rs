//! The binary: parse, bootstrap, run, exit code.

fn main() {}
