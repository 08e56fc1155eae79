//! Sessions that belong to whoever opened them, through the whole layer.

mod anonymous;
mod answers;
mod owners;
mod properties;
mod revisions;
mod support;
