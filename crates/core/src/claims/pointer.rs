//! Where a claim is found: a JSON Pointer (RFC 6901), because claim names contain `:`, `.` and `/`.

use std::fmt;

use serde_json::{Map, Value};

use crate::SettingError;

/// A JSON Pointer into the claims, of object members only. A whole segment in braces is bound to
/// another claim: the string that the claim of this name holds is the segment.
///
/// ```
/// use oauthgate_core::claims::ClaimPointer;
///
/// let roles = ClaimPointer::parse("/realm_access/roles")?;
/// let claims = serde_json::json!({"realm_access": {"roles": ["ops"]}});
/// assert_eq!(roles.find(claims.as_object().unwrap()).unwrap()[0], "ops");
///
/// let bound = ClaimPointer::parse("/tenants/{dct}/permissions")?;
/// let claims = serde_json::json!({"dct": "T1", "tenants": {"T1": {"permissions": ["read"]}}});
/// assert_eq!(bound.find(claims.as_object().unwrap()).unwrap()[0], "read");
/// # Ok::<(), oauthgate_core::SettingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimPointer {
    first: String,
    rest: Vec<Segment>,
}

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    /// The member of this name.
    Name(String),
    /// The member whose name is the value of this claim.
    ValueOf(String),
}

impl ClaimPointer {
    /// Parses a pointer.
    ///
    /// # Errors
    /// When it does not start with `/`, holds a `~` that is neither `~0` nor `~1`, or starts with a
    /// segment in braces: where a claim is must not depend on the token alone.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong = || {
            SettingError::new(
                "not a JSON Pointer (RFC 6901)",
                "a path into the claims, for example /realm_access/roles or /tenants/{dct}/permissions",
            )
        };
        let mut segments = text.strip_prefix('/').ok_or_else(wrong)?.split('/');
        let first = segments.next().map(Segment::parse).and_then(|segment| {
            segment.and_then(|segment| match segment {
                Segment::Name(name) => Some(name),
                Segment::ValueOf(_) => None,
            })
        });
        let rest = segments.map(Segment::parse).collect::<Option<_>>();
        Ok(Self {
            first: first.ok_or_else(wrong)?,
            rest: rest.ok_or_else(wrong)?,
        })
    }

    /// The pointer to a claim at the top level, whatever its name.
    #[must_use]
    pub fn claim(name: impl Into<String>) -> Self {
        Self {
            first: name.into(),
            rest: Vec::new(),
        }
    }

    /// The pointer to a member of the object that this points to.
    #[must_use]
    pub(crate) fn member(mut self, name: &str) -> Self {
        self.rest.push(Segment::Name(name.to_owned()));
        self
    }

    /// The pointer to the member of that object whose name is the value of a claim.
    #[must_use]
    pub(crate) fn member_named_by(mut self, claim: &str) -> Self {
        self.rest.push(Segment::ValueOf(claim.to_owned()));
        self
    }

    /// The pointer to the member `name` of the same object.
    #[must_use]
    pub(crate) fn sibling(&self, name: &str) -> Self {
        let mut sibling = self.clone();
        match sibling.rest.last_mut() {
            Some(last) => *last = Segment::Name(name.to_owned()),
            None => name.clone_into(&mut sibling.first),
        }
        sibling
    }

    /// Whether what it points to is called this.
    pub(crate) fn ends_in(&self, name: &str) -> bool {
        match self.rest.last() {
            Some(Segment::Name(last)) => last == name,
            Some(Segment::ValueOf(_)) => false,
            None => self.first == name,
        }
    }

    /// The claim at the top level that it starts at.
    pub(crate) fn top(&self) -> &str {
        &self.first
    }

    /// The value it points to.
    #[must_use]
    pub fn find<'claims>(&self, claims: &'claims Map<String, Value>) -> Option<&'claims Value> {
        self.rest
            .iter()
            .try_fold(claims.get(&self.first)?, |value, segment| {
                value.as_object()?.get(segment.name(claims)?)
            })
    }
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        let bound = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match bound {
            None => unescape(text).map(Self::Name),
            Some(claim) => unescape(claim)
                .filter(|claim| !claim.is_empty())
                .map(Self::ValueOf),
        }
    }

    /// The value of a bound claim is taken as it is: no `/` or `~` in it means anything.
    fn name<'all>(&'all self, claims: &'all Map<String, Value>) -> Option<&'all str> {
        match self {
            Self::Name(name) => Some(name),
            Self::ValueOf(claim) => claims.get(claim)?.as_str().filter(|name| !name.is_empty()),
        }
    }
}

/// `~1` is `/` and `~0` is `~`; nothing else may follow a `~`.
fn unescape(segment: &str) -> Option<String> {
    let mut plain = String::with_capacity(segment.len());
    let mut characters = segment.chars();
    while let Some(c) = characters.next() {
        plain.push(match c {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl fmt::Display for ClaimPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", escape(&self.first))?;
        self.rest.iter().try_for_each(|segment| match segment {
            Segment::Name(name) => write!(f, "/{}", escape(name)),
            Segment::ValueOf(claim) => write!(f, "/{{{}}}", escape(claim)),
        })
    }
}
