//! The policy as its users see it: an MCP server behind both layers, requests in, responses out.

mod node;
mod support;

mod anonymous;
mod bodies;
mod counting;
mod decisions;
mod farewell;
mod headers;
mod lists;
mod properties;
mod readers;
mod revisions;
mod rules;
mod step_up;
