//! Which preset holds for an issuer, and why.

use std::fmt;

use oauthgate_core::{Issuer, context::Preset};

/// Which preset holds for an issuer, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresetChoice {
    /// The preset.
    pub preset: &'static Preset,
    /// Why it holds.
    pub because: PresetReason,
}

/// Why a preset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresetReason {
    /// The operator named it.
    Named,
    /// Only this provider has such an issuer.
    Address,
    /// Nobody named one, and the issuer tells no provider.
    Unknown,
}

impl PresetChoice {
    /// No provider is known.
    pub const UNKNOWN: Self = Self {
        preset: Preset::GENERIC,
        because: PresetReason::Unknown,
    };

    /// A preset that the operator named.
    #[must_use]
    pub fn named(preset: &'static Preset) -> Self {
        Self {
            preset,
            because: PresetReason::Named,
        }
    }

    /// The preset that follows from the issuer.
    #[must_use]
    pub fn for_issuer(issuer: &Issuer) -> Self {
        Preset::for_issuer(issuer).map_or(Self::UNKNOWN, |preset| Self {
            preset,
            because: PresetReason::Address,
        })
    }

    /// The preset's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.preset.name
    }
}

impl fmt::Display for PresetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "preset {} ({})", self.name(), self.because)
    }
}

impl fmt::Display for PresetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "named",
            Self::Address => "found by the issuer's address",
            Self::Unknown => "the issuer's address tells no provider",
        })
    }
}
