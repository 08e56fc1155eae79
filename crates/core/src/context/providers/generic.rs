//! Any provider that follows the standards or the common habits.

use crate::{
    Profile,
    context::{AudienceKind, Preset},
};

/// Found by no issuer: what no other preset claims is generic.
pub(in crate::context) const PRESET: Preset = Preset {
    name: "generic",
    title: "Any other authorization server",
    issuers: &[],
    audience: AudienceKind::Resource,
    profile: Profile::generic,
};
