//! Configuration: three shapes in three files. The process environment is read in one place,
//! the file in another, and what comes out is [`Settings`], resolved and typed.
//!
//! Precedence: flag, environment, file, default. Every mistake is reported, not the first one.

pub mod settings;

pub use settings::{
    IdentityHeaders, Limits, LogFormat, ResourceSettings, Settings, Tools, UpstreamTimeouts,
};
