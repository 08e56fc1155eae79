//! Sessions of real servers belong to whoever opened them.

mod anonymous;
mod clients;
mod owners;
mod secrets;
mod wire;
