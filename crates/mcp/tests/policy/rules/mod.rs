//! The table of rules: what it decides, one file for each subject.

mod generate;
mod model;
mod properties;
