//! The gate over real connections.

mod answers;
mod ends;
mod lines;
mod pages;
mod support;
mod through;
