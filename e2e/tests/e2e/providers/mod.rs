//! Known providers, each emulated under its real names.

mod follow;
mod matrix;
mod pages;
