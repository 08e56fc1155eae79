//! Values of settings that are one word out of a few.

/// An enum whose variants are words of a setting: `parse` reads the word, `Display` writes it.
macro_rules! words {
    (
        $(#[$about:meta])*
        $name:ident: $example:literal {
            $($(#[$doc:meta])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])+ $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Reads the word of a setting.
            ///
            /// # Errors
            /// When it is none of the words that there are.
            pub fn parse(text: &str) -> Result<Self, $crate::SettingError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::SettingError::new("no such value", $example)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }
    };
}

words! {
    /// How an issuer's tokens are checked.
    TokenMode: "jwt, opaque or auto" {
        /// Every token is a JWT, checked here with the issuer's keys.
        Jwt = "jwt",
        /// Every token is asked about (RFC 7662), one that looks like a JWT too.
        Opaque = "opaque",
        /// A JWT is checked here, anything else is asked about.
        Auto = "auto",
    }
}

words! {
    /// How the authorization server is asked about an opaque token.
    IntrospectionForm: "rfc7662, rfc9701, google-tokeninfo or github-application" {
        /// Token introspection (RFC 7662).
        Rfc7662 = "rfc7662",
        /// The same, with answers that the authorization server signs (RFC 9701), and no others.
        Rfc9701 = "rfc9701",
        /// Google's `tokeninfo`.
        GoogleTokeninfo = "google-tokeninfo",
        /// GitHub's "check a token" for one OAuth application.
        GitHubApplication = "github-application",
    }
}

words! {
    /// How a token's client and its audience belong together.
    ClientAudience: "unexpected, expected or stands-in" {
        /// A token's audience is the resource. One issued for its own client and without scope is an ID token (R17).
        Unexpected = "unexpected",
        /// The provider writes the client's id into `aud` of access tokens, so the ID-token guard is off.
        Expected = "expected",
        /// The provider writes no `aud` unless a resource was asked for; the client claim stands in for it,
        /// and the expected audiences are then a list of clients (Cognito).
        StandsIn = "stands-in",
    }
}

words! {
    /// Which of several places of scopes count.
    ScopePlaces: "first or all" {
        /// The first that is present.
        First = "first",
        /// All that are present, together.
        All = "all",
    }
}

words! {
    /// How groups or roles are written.
    GroupForm: "values, value, list, array or member-names" {
        /// A string is one group, an array of strings several.
        Values = "values",
        /// A string, which is one group.
        Value = "value",
        /// A string of groups with blanks between.
        List = "list",
        /// An array of strings.
        Array = "array",
        /// An object whose member names are the groups (ZITADEL).
        MemberNames = "member-names",
    }
}
