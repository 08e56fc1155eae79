//! What becomes of the server's answer before the caller sees it.
//!
//! An answer that can bring a list is read: JSON as a whole, an event stream event by event. Everything else
//! passes untouched. An answer to a list request that cannot be read shows nothing: as a whole it is
//! 502 `unreadable_answer`, inside a stream the response that is concerned becomes an error.

mod asked;
mod body;
mod events;
mod headers;
mod plan;
mod viewer;
mod withheld;

pub use body::AnswerBody;

pub(crate) use asked::Asked;
pub(crate) use plan::AnswerPlan;
