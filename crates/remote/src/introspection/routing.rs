//! Which tokens are asked about, and whom (rule R14).
//!
//! A token is shown to nobody but its own authorization server. What tells whose it is: the start that
//! the operator named for an issuer's opaque tokens; the `iss` of a token that looks like a JWT, whose
//! issuer has all of its tokens introspected; or that a single issuer of the resource has such tokens.

use oauthgate_core::{
    CompactJws, Denial, Reason, SettingError, TokenError, TokenShape,
    context::{IntrospectionForm, Profile, TokenMode},
};

use crate::{IssuerSettings, error::Mistake};

/// A JWS starts with the base64url form of `{`, and a blank or a quote.
const STARTS_OF_A_JWS: [&str; 2] = ["ey", "ew"];

const NO_LISTED_START: &str = "nobody is asked about it: it begins with none of the starts that are listed for opaque tokens (OAUTHGATE_OPAQUE_PREFIXES); is it a refresh token, or another issuer's?";

/// Where the tokens of one resource go.
#[derive(Debug, Default)]
pub(crate) struct Routing {
    takers: Vec<Taker>,
}

/// An issuer that is asked about tokens.
#[derive(Debug)]
struct Taker {
    /// In the order of the settings.
    position: usize,
    prefixes: Vec<String>,
    /// Its exact name, if tokens that look like JWTs are asked about too.
    issuer_of_jwts: Option<String>,
}

impl Routing {
    pub(crate) fn new(issuers: &[IssuerSettings]) -> Self {
        let takers = issuers.iter().enumerate();
        let takers = takers.filter(|(_, issuer)| is_asked(&issuer.profile));
        Self {
            takers: takers
                .map(|(position, issuer)| Taker {
                    position,
                    prefixes: issuer.profile.opaque_prefixes.clone(),
                    issuer_of_jwts: (issuer.profile.token_mode == TokenMode::Opaque)
                        .then(|| issuer.issuer.as_str().to_owned()),
                })
                .collect(),
        }
    }

    /// Whose authorization server is asked about this token; `None` for one that is verified here, or by
    /// nobody.
    ///
    /// # Errors
    /// `malformed_token`, when a token that would be asked about is no text that could be one.
    pub(crate) fn taker_of(&self, token: &str, limit: usize) -> Result<Option<usize>, Denial> {
        // Most resources have no such tokens.
        if self.takers.is_empty() || token.is_empty() || token.len() > limit {
            return Ok(None);
        }
        let found = self
            .by_prefix(token)
            .or_else(|| match TokenShape::of(token) {
                TokenShape::Signed => self.by_issuer(token, limit),
                TokenShape::Encrypted | TokenShape::Opaque => self.the_only_one(),
            });
        match found {
            Some(_) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                let detail = "a character that no token may hold (RFC 6749 appendix A.12)";
                Err(Denial::new(Reason::MalformedToken).with_detail(detail))
            }
            found => Ok(found),
        }
    }

    fn by_prefix(&self, token: &str) -> Option<usize> {
        let taker = self.takers.iter().find(|taker| {
            taker
                .prefixes
                .iter()
                .any(|prefix| token.starts_with(prefix.as_str()))
        });
        taker.map(|taker| taker.position)
    }

    /// A token whose parts cannot be read has no issuer, and is refused like any other.
    fn by_issuer(&self, token: &str, limit: usize) -> Option<usize> {
        if self
            .takers
            .iter()
            .all(|taker| taker.issuer_of_jwts.is_none())
        {
            return None;
        }
        let issuer = CompactJws::claimed_issuer(token, limit).ok().flatten()?;
        let taker = self
            .takers
            .iter()
            .find(|taker| taker.issuer_of_jwts.as_ref() == Some(&issuer));
        taker.map(|taker| taker.position)
    }

    /// A refusal of a token that nobody can read: who has others of that kind asked about hears why nobody was
    /// asked about this one.
    pub(crate) fn explained(&self, refused: TokenError) -> Denial {
        let denial = Denial::from(refused);
        match denial.reason() {
            Reason::OpaqueToken | Reason::EncryptedToken if !self.takers.is_empty() => {
                denial.with_detail(NO_LISTED_START)
            }
            _ => denial,
        }
    }

    /// The one without prefixes; settings allow no second issuer beside it.
    fn the_only_one(&self) -> Option<usize> {
        match self.takers.as_slice() {
            [taker] if taker.prefixes.is_empty() => Some(taker.position),
            _ => None,
        }
    }
}

/// Whether some of the issuer's tokens are asked about.
pub(crate) fn is_asked(profile: &Profile) -> bool {
    profile.token_mode != TokenMode::Jwt
}

/// What is wrong with one issuer's settings.
pub(crate) fn mistakes_of(issuer: &IssuerSettings) -> Vec<Mistake> {
    let profile = &issuer.profile;
    let mistake = |setting, error| vec![Mistake::new(setting, Some(issuer.name()), error)];
    if let Some(mistake) = mode_beside_form(profile) {
        return vec![mistake];
    }
    let settings = match (&issuer.introspection, is_asked(profile)) {
        (None, false) => return Vec::new(),
        (None, true) => {
            let error = SettingError::new(
                format!(
                    "token_mode {} needs somebody who can be asked about tokens, and there are no credentials for it",
                    profile.token_mode
                ),
                "OAUTHGATE_INTROSPECTION_AUTH (`introspection_auth`) with its credentials, or the mode jwt",
            );
            return mistake("token_mode", error);
        }
        (Some(_), false) => {
            let error = SettingError::new(
                "introspection is set, and token_mode = jwt never uses it",
                "token_mode = auto (what is no JWT is asked about) or opaque (every token is)",
            );
            return mistake("token_mode", error);
        }
        (Some(settings), true) => settings,
    };
    let mut mistakes = settings.mistakes(profile.introspection_form);
    if issuer.issuer_template.is_some() {
        let error = SettingError::new(
            "a template has many issuers, and nothing in an opaque token says which of them to ask",
            "one issuer_url for each tenant whose tokens are introspected",
        );
        mistakes.extend(mistake("issuer_template", error));
    }
    let bad = |prefix: &&String| {
        prefix.is_empty()
            || !prefix.bytes().all(|byte| byte.is_ascii_graphic())
            || STARTS_OF_A_JWS
                .iter()
                .any(|start| start.starts_with(prefix.as_str()) || prefix.starts_with(start))
    };
    if let Some(prefix) = profile.opaque_prefixes.iter().find(bad) {
        let error = SettingError::new(
            "this is no start of opaque tokens alone (a JWT starts with ey)",
            "for example ory_at_",
        );
        mistakes.push(Mistake::new("opaque_prefixes", Some(prefix), error));
    }
    mistakes
}

/// Where every access token is opaque, a JWT with the same keys is an ID token, and nothing but its shape
/// would tell the two apart.
fn mode_beside_form(profile: &Profile) -> Option<Mistake> {
    let is_always_opaque = matches!(
        profile.introspection_form,
        IntrospectionForm::GoogleTokeninfo | IntrospectionForm::GitHubApplication
    );
    (is_always_opaque && profile.token_mode != TokenMode::Opaque).then(|| {
        let error = SettingError::new(
            "access tokens of Google and GitHub are never JWTs, so one that was verified here would be an ID token",
            "opaque, or leave it out; for ID tokens on purpose OAUTHGATE_PRESET=generic",
        );
        let mode = profile.token_mode.to_string();
        Mistake::new("token_mode", Some(&mode), error)
    })
}

/// Two issuers of one resource that could both be asked about the same token.
pub(crate) fn rivals(issuers: &[IssuerSettings]) -> Option<Mistake> {
    let asked: Vec<_> = issuers
        .iter()
        .filter(|issuer| is_asked(&issuer.profile))
        .collect();
    let is_alone = asked.len() < 2;
    let prefixes = |issuer: &IssuerSettings| issuer.profile.opaque_prefixes.clone();
    if let Some(issuer) = asked
        .iter()
        .find(|issuer| !is_alone && issuer.profile.opaque_prefixes.is_empty())
    {
        let error = SettingError::new(
            "several issuers of this resource have opaque tokens, and nothing says whose a token is: it would be shown to the wrong one",
            "opaque_prefixes for each of them, for example ory_at_",
        );
        return Some(Mistake::new("opaque_prefixes", Some(issuer.name()), error));
    }
    for (number, one) in asked.iter().enumerate() {
        for other in asked.iter().skip(number + 1) {
            for (a, b) in prefixes(one)
                .iter()
                .flat_map(|a| prefixes(other).into_iter().map(move |b| (a.clone(), b)))
            {
                if a.starts_with(&b) || b.starts_with(&a) {
                    let error = SettingError::new(
                        format!(
                            "tokens that start with \"{a}\" could be those of {}, and of {}",
                            one.name(),
                            other.name()
                        ),
                        "prefixes of which none starts another issuer's",
                    );
                    return Some(Mistake::new("opaque_prefixes", Some(&a), error));
                }
            }
        }
    }
    None
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
