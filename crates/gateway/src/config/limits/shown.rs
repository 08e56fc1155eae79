//! Limits in one line each, for `config show`.

use super::low::{LimitGiven, RateGiven};
use crate::config::{
    given::{Given, Words},
    words::one_word,
};

/// What the limit grants.
pub(super) fn sentence(limit: &LimitGiven) -> String {
    let mut words = Vec::new();
    words.extend(rate(&limit.rate));
    for (tier, given) in &limit.tiers {
        words.extend(rate(given).map(|rate| format!("{rate} for {}", tier.escape_debug())));
    }
    let mut all = words.join(", ");
    all.push_str(&by(limit.by.as_ref()));
    if let Some(tools) = &limit.tools {
        all.push_str(&format!(", calls of {}", list(tools).join(" ")));
    }
    for (given, what) in [
        (&limit.in_flight, "under way at once"),
        (&limit.streams, "streams at once"),
    ] {
        if let Some(given) = given {
            all.push_str(&format!(", {} {what}", one_word(given)));
        }
    }
    all.trim_start_matches([',', ' '])
        .escape_debug()
        .to_string()
}

fn rate(given: &RateGiven) -> Option<String> {
    let rate = one_word(given.rate.as_ref()?);
    Some(match &given.burst {
        Some(burst) => format!("{rate} (burst {})", one_word(burst)),
        None => rate.to_owned(),
    })
}

fn by(given: Option<&Given>) -> String {
    let by = given.map(list).unwrap_or_default();
    match by.is_empty() {
        true => " for all callers together".to_owned(),
        false => format!(" by {}", by.join(" and ")),
    }
}

fn list(given: &Given) -> Vec<String> {
    match &given.words {
        Words::One(word) => vec![word.clone()],
        Words::Many(words) => words.clone(),
    }
}
