//! A build without Redis.

use std::sync::Arc;

use oauthgate_core::SettingError;
use oauthgate_mcp::SessionSecret;
use oauthgate_remote::state;

use super::SETTINGS;
use crate::config::{file::setting, reader::Reader};

/// This build shares nothing.
#[derive(Debug, Clone)]
pub enum SharedState {}

impl SharedState {
    /// Never called: there is no such value.
    ///
    /// # Errors
    /// None.
    pub fn open(
        &self,
        _local: Arc<state::quotas::LocalQuotas>,
    ) -> Result<Arc<dyn state::SharedState>, SettingError> {
        match *self {}
    }

    /// Never called: there is no such value.
    ///
    /// # Errors
    /// None.
    pub fn session_secret(&self) -> Result<SessionSecret, SettingError> {
        match *self {}
    }

    /// Never called: there is no such value.
    #[must_use]
    pub fn is_required(&self) -> bool {
        match *self {}
    }

    pub(in crate::config) fn warning(&self) -> Option<String> {
        match *self {}
    }
}

pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<SharedState> {
    for key in SETTINGS {
        if reader.section.values.contains_key(key) {
            reader.mistakes.add(
                setting(key).name,
                None,
                "this build of oauthgate was made without Redis",
                "a build with the feature `redis`, or leave the setting out",
            );
        }
    }
    None
}
