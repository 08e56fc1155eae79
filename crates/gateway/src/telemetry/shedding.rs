//! What the gate turns away because it carries as much as it may. Each is counted; a line says when it
//! begins and another when it is over, however many there were.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use tokio::time::{Instant, sleep};

/// How long nothing must have been turned away until it is over. With less, a load that comes in waves
/// would write two lines for each.
const QUIET: Duration = Duration::from_secs(10);

/// What is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shed {
    /// Requests beyond `OAUTHGATE_MAX_IN_FLIGHT`.
    Requests,
    /// Streams beyond `OAUTHGATE_MAX_STREAMS`.
    Streams,
    /// Connections beyond `OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS`.
    Connections,
}

impl Shed {
    const ALL: [Self; 3] = [Self::Requests, Self::Streams, Self::Connections];

    /// The label.
    fn what(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Streams => "streams",
            Self::Connections => "connections",
        }
    }

    /// The limit that was reached.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Requests => "OAUTHGATE_MAX_IN_FLIGHT",
            Self::Streams => "OAUTHGATE_MAX_STREAMS",
            Self::Connections => "OAUTHGATE_MAX_CONNECTIONS_PER_ADDRESS",
        }
    }

    fn begins(self) -> &'static str {
        match self {
            Self::Requests => {
                "as many requests are under way as may be: further ones are answered 503"
            }
            Self::Streams => "as many streams are open as may be: further ones are answered 503",
            Self::Connections => {
                "an address has as many connections open as it may have: further ones are closed; if it is a proxy of yours, name it in OAUTHGATE_TRUSTED_PROXIES"
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ShedLabels {
    what: &'static str,
}

/// Counts and tells. Clones share.
#[derive(Debug, Clone)]
pub(crate) struct Shedding {
    counts: Family<ShedLabels, Counter>,
    episodes: [Arc<Episode>; 3],
}

/// From the first that is turned away until none was for a while.
#[derive(Debug, Default)]
struct Episode {
    goes_on: AtomicBool,
    /// Of all episodes together.
    turned_away: AtomicU64,
}

impl Default for Shedding {
    /// Nothing was turned away.
    fn default() -> Self {
        let counts = Family::default();
        for shed in Shed::ALL {
            // A series that is there from the beginning shows its first increase.
            drop(counts.get_or_create(&ShedLabels { what: shed.what() }));
        }
        Self {
            counts,
            episodes: Default::default(),
        }
    }
}

impl Shedding {
    /// One was turned away; `client` if that is about one alone.
    pub(crate) fn note(&self, shed: Shed, most: usize, client: Option<&dyn std::fmt::Display>) {
        self.counts
            .get_or_create(&ShedLabels { what: shed.what() })
            .inc();
        let [requests, streams, connections] = &self.episodes;
        let episode = match shed {
            Shed::Requests => requests,
            Shed::Streams => streams,
            Shed::Connections => connections,
        };
        let before = episode.turned_away.fetch_add(1, Ordering::Relaxed);
        if !episode.goes_on.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                target: "oauthgate::shedding",
                what = shed.what(),
                setting = shed.setting(),
                most,
                client = client.map(tracing::field::display),
                "{}",
                shed.begins()
            );
            tokio::spawn(tell_the_end(Arc::clone(episode), shed, before));
        }
    }

    pub(super) fn family(&self) -> Family<ShedLabels, Counter> {
        self.counts.clone()
    }
}

async fn tell_the_end(episode: Arc<Episode>, shed: Shed, before: u64) {
    let begun = Instant::now();
    let mut seen = before;
    loop {
        let now = episode.turned_away.load(Ordering::Relaxed);
        if now == seen {
            break;
        }
        seen = now;
        sleep(QUIET).await;
    }
    episode.goes_on.store(false, Ordering::Release);
    tracing::info!(
        target: "oauthgate::shedding",
        what = shed.what(),
        turned_away = seen - before,
        seconds = begun.elapsed().as_secs(),
        "nothing was turned away for {} seconds",
        QUIET.as_secs()
    );
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Mutex, PoisonError},
    };

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn collect(&self) -> tracing::subscriber::DefaultGuard {
            let lines = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(self.clone());
            tracing::subscriber::set_default(lines.finish())
        }

        fn count(&self, text: &str) -> usize {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).matches(text).count()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn h3_a_line_at_the_begin_and_one_at_the_end_however_many_are_turned_away() {
        let lines = Lines::default();
        let _guard = lines.collect();
        let shedding = Shedding::default();
        for episode in 1..=3 {
            for _ in 0..1_000 {
                shedding.note(Shed::Requests, 4, None);
                sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(lines.count("OAUTHGATE_MAX_IN_FLIGHT"), episode);
            assert_eq!(lines.count("nothing was turned away"), episode - 1);
            sleep(3 * QUIET).await;
            assert_eq!(lines.count("nothing was turned away"), episode);
        }
        assert_eq!(lines.count("turned_away=1000"), 3);
        let labels = ShedLabels { what: "requests" };
        assert_eq!(shedding.counts.get_or_create(&labels).get(), 3_000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_turned_away_is_told_apart() {
        let lines = Lines::default();
        let _guard = lines.collect();
        let shedding = Shedding::default();
        for shed in Shed::ALL {
            shedding.note(shed, 4, Some(&"192.0.2.1/32"));
            assert_eq!(lines.count(shed.setting()), 1);
        }
    }
}
