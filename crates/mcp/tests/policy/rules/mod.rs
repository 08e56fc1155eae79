//! The table of rules: what it decides, one file for each subject.

mod support;

mod anonymous;
mod challenges;
mod conditions;
mod demands;
mod explanations;
mod generate;
mod lookalikes;
mod mistakes;
mod model;
mod order;
mod patterns;
mod properties;
mod shown;
