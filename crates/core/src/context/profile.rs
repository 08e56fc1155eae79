//! How one provider writes its access tokens, as data (rules R15–R20, R24).

/// How one provider writes its access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: &'static str,
}

impl Profile {
    /// A provider that follows RFC 9068 or the common habits.
    #[must_use]
    pub fn generic() -> Self {
        Self { name: "generic" }
    }

    /// The profile's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}
