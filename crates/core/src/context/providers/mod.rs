//! The profiles of known providers, as data.
