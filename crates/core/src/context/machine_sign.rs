//! Signs of a token that a program got for itself (rule R27).

use std::fmt;

use crate::{SettingError, claims::ClaimPointer};

/// Where the id of the token's client stands in a value.
const CLIENT: &str = "{client}";

/// A sign that a program got the token for itself, as one item of a setting writes it:
///
/// | Text | Shown when |
/// |---|---|
/// | `/cid` | the claim is there |
/// | `!/uid` | the claim is not there |
/// | `/gty=client-credentials` | the claim has this value |
/// | `/sub=service-{client}`, `/sub={client}@clients` | the claim is this, with the id of the token's client in whatever ASCII case |
/// | `/sub^=mch_` | the claim starts like this |
/// | `/sub$=@clients` | the claim ends like this |
/// | `/sub==/aud` | the claim is, or is one of, the values of the other |
/// | `/azp!=/aud` | the claim is there, and is none of the values of the other |
/// | `/roles!/scp` | the first claim is there, and the second is not |
/// | `/a=b&/c` | each of these signs is shown |
///
/// ```
/// use oauthgate_core::context::MachineSign;
///
/// let sign = MachineSign::parse("/preferred_username=service-account-{client}&/client_id")?;
/// assert!(matches!(&sign, MachineSign::All(signs) if signs.len() == 2));
/// assert_eq!(sign.to_string(), "/preferred_username=service-account-{client}&/client_id");
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineSign {
    /// The claim is there.
    Present(ClaimPointer),
    /// The claim is not there.
    Absent(ClaimPointer),
    /// The claim has this value.
    Equals(ClaimPointer, String),
    /// The claim is the first text, the id of the token's client in whatever ASCII case, and the second text.
    NamesClient(ClaimPointer, String, String),
    /// The claim starts like this.
    StartsWith(ClaimPointer, String),
    /// The claim ends like this.
    EndsWith(ClaimPointer, String),
    /// The claim is the second one, or one of the values of the second one.
    SameAs(ClaimPointer, ClaimPointer),
    /// The claim is there, and is none of the values of the second one.
    DiffersFrom(ClaimPointer, ClaimPointer),
    /// The first claim is present, and the second is not.
    PresentWithout(ClaimPointer, ClaimPointer),
    /// Each of these is shown.
    All(Vec<MachineSign>),
}

impl MachineSign {
    /// Reads an item. The names of its claims hold none of `=`, `!`, `&`, `^` and `$`, its values no `&`.
    ///
    /// # Errors
    /// When it is none of the forms above.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        if text.contains('&') {
            let signs = text.split('&').map(Self::one);
            return signs.collect::<Result<_, _>>().map(Self::All);
        }
        Self::one(text)
    }

    fn one(text: &str) -> Result<Self, SettingError> {
        if let Some(place) = text.strip_prefix('!') {
            return ClaimPointer::parse(place).map(Self::Absent);
        }
        if let Some((place, value)) = text.split_once('=') {
            return Self::about_value(place, value);
        }
        match text.split_once('!') {
            Some((present, absent)) => Ok(Self::PresentWithout(
                ClaimPointer::parse(present)?,
                ClaimPointer::parse(absent)?,
            )),
            None => ClaimPointer::parse(text).map(Self::Present),
        }
    }

    fn about_value(place: &str, value: &str) -> Result<Self, SettingError> {
        if let Some(other) = value.strip_prefix("=/") {
            let other = ClaimPointer::parse(&format!("/{other}"))?;
            return Ok(Self::SameAs(ClaimPointer::parse(place)?, other));
        }
        if let Some(place) = place.strip_suffix('!') {
            let place = ClaimPointer::parse(place)?;
            return ClaimPointer::parse(value).map(|other| Self::DiffersFrom(place, other));
        }
        if value.is_empty() || value.starts_with('=') || value == CLIENT {
            return Err(SettingError::new(
                "a sign without a value",
                "for example /gty=client-credentials, /sub^=mch_ or /sub$=@clients",
            ));
        }
        let with = |place: &str, make: fn(ClaimPointer, String) -> Self, value: &str| {
            ClaimPointer::parse(place).map(|place| make(place, value.to_owned()))
        };
        if let Some(place) = place.strip_suffix('^') {
            return with(place, Self::StartsWith, value);
        }
        if let Some(place) = place.strip_suffix('$') {
            return with(place, Self::EndsWith, value);
        }
        match value.split_once(CLIENT) {
            Some((start, end)) => {
                let place = ClaimPointer::parse(place)?;
                Ok(Self::NamesClient(place, start.to_owned(), end.to_owned()))
            }
            None => with(place, Self::Equals, value),
        }
    }
}

impl fmt::Display for MachineSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(place) => place.fmt(f),
            Self::Absent(place) => write!(f, "!{place}"),
            Self::Equals(place, value) => write!(f, "{place}={value}"),
            Self::NamesClient(place, start, end) => write!(f, "{place}={start}{CLIENT}{end}"),
            Self::StartsWith(place, start) => write!(f, "{place}^={start}"),
            Self::EndsWith(place, end) => write!(f, "{place}$={end}"),
            Self::SameAs(place, other) => write!(f, "{place}=={other}"),
            Self::DiffersFrom(place, other) => write!(f, "{place}!={other}"),
            Self::PresentWithout(present, absent) => write!(f, "{present}!{absent}"),
            Self::All(signs) => {
                let signs: Vec<_> = signs.iter().map(ToString::to_string).collect();
                f.write_str(&signs.join("&"))
            }
        }
    }
}
