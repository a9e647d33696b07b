//! The IO shell.
