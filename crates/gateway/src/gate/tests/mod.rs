//! The gate over real connections.

mod answers;
mod ends;
mod pages;
mod support;
