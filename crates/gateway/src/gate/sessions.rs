//! What the sessions of MCP servers are bound with: the operator's secret, else one out of what replicas share,
//! else one that is kept in the state directory, else one that ends with the process.

use std::path::Path;

use oauthgate_core::{ProtectedResource, SettingError};
use oauthgate_mcp::{SessionBindingLayer, SessionSecret};
use oauthgate_remote::{ConfigurationError, jwks::SnapshotDirectory};
use secrecy::ExposeSecret;

use super::{mistake, unusable_directory};
use crate::config::Settings;

/// The file of the secret, without its ending.
const FILE: &str = "sessions";

/// Binds the sessions of all resources.
pub(super) struct Sessions {
    secret: SessionSecret,
    advice: Option<&'static str>,
    is_unbound: bool,
}

impl Sessions {
    pub(super) fn new(
        settings: &Settings,
        directory: Option<&SnapshotDirectory>,
    ) -> Result<Self, ConfigurationError> {
        let is_unbound = settings.unbound_sessions;
        let secret = match is_unbound {
            true => SessionSecret::random().map_err(no_random_numbers)?,
            false => secret(settings, directory)?,
        };
        let advice = advice(settings);
        if let (Some(advice), false) = (advice, is_unbound) {
            tracing::info!("{advice}");
        }
        Ok(Self {
            secret,
            advice,
            is_unbound,
        })
    }

    /// The layer of one resource.
    pub(super) fn layer(&self, resource: &ProtectedResource) -> SessionBindingLayer {
        let layer = SessionBindingLayer::new(resource, self.secret.clone()).without_refusal_log();
        let layer = match self.advice {
            Some(advice) => layer.advise(advice),
            None => layer,
        };
        if self.is_unbound {
            return layer.danger_unbound();
        }
        layer
    }
}

fn secret(
    settings: &Settings,
    directory: Option<&SnapshotDirectory>,
) -> Result<SessionSecret, ConfigurationError> {
    if let Some(secret) = &settings.session_secret {
        return SessionSecret::new(secret.expose_secret().as_bytes())
            .map_err(|error| mistake("OAUTHGATE_SESSION_SECRET", error));
    }
    // A directory is one machine's; what replicas share is known to all of them.
    if let Some(shared) = &settings.shared_state {
        return shared
            .session_secret()
            .map_err(|error| mistake("OAUTHGATE_STATE_SECRET", error));
    }
    directory.map_or_else(|| SessionSecret::random().map_err(no_random_numbers), kept)
}

/// What to do about sessions that end too early, for the start and for the detail of each refusal.
fn advice(settings: &Settings) -> Option<&'static str> {
    let is_kept = settings.session_secret.is_some()
        || settings.shared_state.is_some()
        || settings.state_directory.is_some();
    (!is_kept).then_some(
        "MCP sessions end with this process: set OAUTHGATE_SESSION_SECRET, or OAUTHGATE_STATE_DIRECTORY",
    )
}

fn kept(directory: &SnapshotDirectory) -> Result<SessionSecret, ConfigurationError> {
    let fresh = SessionSecret::generate().map_err(no_random_numbers)?;
    let kept = directory
        .keep_secret(FILE, &fresh)
        .map_err(|error| unusable_directory(directory.path(), &error))?;
    SessionSecret::new(kept.as_bytes()).map_err(|error| spoilt(directory.path(), &error))
}

fn spoilt(directory: &Path, error: &SettingError) -> ConfigurationError {
    let problem = format!(
        "{}/{FILE}.secret: {}; remove it: a new one is made, and all MCP sessions begin anew",
        directory.display(),
        error.problem
    );
    mistake(
        "OAUTHGATE_STATE_DIRECTORY",
        SettingError::new(problem, error.expected.clone()),
    )
}

fn no_random_numbers(error: SettingError) -> ConfigurationError {
    mistake("OAUTHGATE_SESSION_SECRET", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "Ee1c9Jm0wq2VtYp4rKd7uSbXzLhNfGa3";

    fn settings() -> Settings {
        Settings::new(Vec::new())
    }

    #[test]
    fn sessions_that_end_with_the_process_are_told() {
        let mut settings = settings();
        let told = advice(&settings).unwrap();
        assert!(told.contains("OAUTHGATE_SESSION_SECRET"), "{told}");
        settings.state_directory = Some("/var/lib/oauthgate".into());
        assert_eq!(advice(&settings), None);
        settings.state_directory = None;
        settings.session_secret = Some(SECRET.into());
        assert_eq!(advice(&settings), None);
    }

    #[test]
    fn a_secret_in_the_directory_is_the_same_at_every_start() {
        let parent = tempfile::tempdir().unwrap();
        let directory = SnapshotDirectory::open(parent.path().join("state")).unwrap();
        let mut settings = settings();
        settings.state_directory = Some(directory.path().to_owned());
        let file = directory.path().join("sessions.secret");
        Sessions::new(&settings, Some(&directory)).unwrap();
        let kept = std::fs::read_to_string(&file).unwrap();
        Sessions::new(&settings, Some(&directory)).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);
        assert_eq!(kept.len(), 64);
    }

    #[test]
    fn h2_a_spoilt_secret_in_the_directory_is_a_mistake_that_names_the_file() {
        let parent = tempfile::tempdir().unwrap();
        let directory = SnapshotDirectory::open(parent.path().join("state")).unwrap();
        directory.keep_secret(FILE, "spoilt").unwrap();
        let error = Sessions::new(&settings(), Some(&directory)).err().unwrap();
        let told = error.to_string();
        assert!(
            told.contains("sessions.secret") && !told.contains("spoilt"),
            "{told}"
        );
    }

    #[test]
    fn no_file_is_made_for_a_secret_that_is_given_or_not_needed() {
        let parent = tempfile::tempdir().unwrap();
        let directory = SnapshotDirectory::open(parent.path().join("state")).unwrap();
        let mut given = settings();
        given.session_secret = Some(SECRET.into());
        Sessions::new(&given, Some(&directory)).unwrap();
        let mut unbound = settings();
        unbound.unbound_sessions = true;
        Sessions::new(&unbound, Some(&directory)).unwrap();
        assert!(!directory.path().join("sessions.secret").exists());
    }

    #[cfg(feature = "redis")]
    #[test]
    fn replicas_share_sessions_by_the_secret_that_they_share() {
        use oauthgate_remote::state::redis::RedisAddress;

        use crate::config::settings::SharedState;

        let parent = tempfile::tempdir().unwrap();
        let directory = SnapshotDirectory::open(parent.path().join("state")).unwrap();
        let address = RedisAddress::parse("redis://127.0.0.1:6379").unwrap();
        let mut settings = settings();
        settings.shared_state = Some(SharedState::new(address, SECRET.into()));
        assert_eq!(advice(&settings), None);
        Sessions::new(&settings, Some(&directory)).unwrap();
        assert!(
            !directory.path().join("sessions.secret").exists(),
            "a directory is not shared"
        );
    }
}
