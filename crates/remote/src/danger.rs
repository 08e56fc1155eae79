//! Loosening, named for what it is.
