//! How many connections there are descriptors for.
//!
//! A process that has none left cannot answer its probes or fetch keys either, so connections of
//! strangers must never take the last ones.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for listeners, probes, fetches of keys and the runtime itself.
const RESERVED: u64 = 64;
/// A request that is passed on has a connection to the upstream as well.
const FOR_EACH: u64 = 2;

/// Of so many connections, those that there are descriptors for, once the process may have as many
/// as the system grants it.
pub(super) fn affordable(wanted: usize) -> usize {
    let limit = raised();
    let affordable = within(wanted, limit);
    if affordable < wanted {
        tracing::warn!(
            setting = "OAUTHGATE_MAX_CONNECTIONS",
            wanted,
            connections = affordable,
            descriptors = limit,
            "fewer connections than wanted: raise the limit of open files (ulimit -n)"
        );
    }
    affordable
}

/// Raises the soft limit to the hard one. Where the system will not have it, what was is what counts.
fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

fn within(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    let most = limit.saturating_sub(RESERVED) / FOR_EACH;
    usize::try_from(most).map_or(wanted, |most| wanted.min(most.max(1)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_limit(10_000, None, 10_000)]
    #[case::plenty(10_000, Some(1_048_576), 10_000)]
    #[case::just_enough(10_000, Some(20_064), 10_000)]
    #[case::one_short(10_000, Some(20_063), 9_999)]
    #[case::a_common_soft_limit(10_000, Some(1_024), 480)]
    #[case::few_are_wanted(4, Some(1_024), 4)]
    #[case::there_is_always_one(10_000, Some(3), 1)]
    fn connections_leave_descriptors_for_the_rest(
        #[case] wanted: usize,
        #[case] limit: Option<u64>,
        #[case] expected: usize,
    ) {
        assert_eq!(within(wanted, limit), expected);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raised();
        let now = getrlimit(Resource::Nofile);
        assert_eq!((limit, now.current), (now.maximum, now.maximum));
    }
}
