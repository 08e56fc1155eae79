//! One public signing key.

use std::fmt;

use serde_json::{Map, Value};

use super::{SigningAlgorithm, rsa};
use crate::{
    claims::{Claims, IssuerTemplate},
    signature::{KeyMaterial, PublicKey, sha256},
    text::Printable,
    token::base64url,
};

/// Marks a key of `dev-issuer`, whatever its `kid` looks like.
pub(super) const DEV_KEY_MEMBER: &str = "oauthgate_dev_key";

/// A `kid` (RFC 7517 §4.5): an opaque string, never a path, a query or a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// How long a `kid` may be, in bytes: it is kept in bounded tables of unknown ids.
    pub const MAX_LENGTH: usize = 512;

    /// A `kid`, unless it is longer than [`Self::MAX_LENGTH`] or holds U+0000: no token and no key set has
    /// such a name, because our JSON reader refuses it, and what is written down could not be read again.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_readable = text.len() <= Self::MAX_LENGTH && !text.contains('\0');
        is_readable.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Escaped and cut, because a token chooses it.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(&self.0).fmt(f)
    }
}

/// One public signing key, prepared for every algorithm that it is bound to.
#[derive(Debug)]
pub struct Jwk {
    id: Option<KeyId>,
    issuer: Option<String>,
    prepared: Vec<PublicKey>,
    thumbprint: String,
    has_small_exponent: bool,
    is_dev_key: bool,
}

impl Jwk {
    /// Reads one member of a key set, or says why it is no usable signing key.
    ///
    /// # Errors
    /// The reason, for the operator.
    pub(crate) fn parse(members: &Map<String, Value>) -> Result<Self, String> {
        refuse_private_members(members)?;
        check_use(members)?;
        let material = Material::parse(members)?;
        let prepared = prepare(&material, bound_algorithm(members)?)?;
        Ok(Self {
            id: key_id(members)?,
            issuer: text(members, "issuer")?.map(str::to_owned),
            prepared,
            thumbprint: base64url::encode(&sha256(material.canonical_json(members)?.as_bytes())),
            has_small_exponent: material.has_small_exponent(),
            is_dev_key: members.contains_key(DEV_KEY_MEMBER),
        })
    }

    /// The key's `kid`, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&KeyId> {
        self.id.as_ref()
    }

    /// The algorithms that this key verifies; one if the JWK names it, else all that fit its type.
    pub fn algorithms(&self) -> impl Iterator<Item = SigningAlgorithm> {
        self.prepared.iter().map(PublicKey::algorithm)
    }

    /// The SHA-256 thumbprint (RFC 7638 §3), base64url.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether the key says of itself, with the member `oauthgate_dev_key`, that `dev-issuer` made it and
    /// anybody may sign with it. Whatever the member's value is: whoever wrote it knew what it means.
    #[must_use]
    pub fn is_dev_key(&self) -> bool {
        self.is_dev_key
    }

    /// Whether this is the key's signature of the message.
    #[must_use]
    pub fn verifies(&self, algorithm: SigningAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        self.prepared
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .is_some_and(|key| key.verifies(message, signature))
    }

    pub(super) fn has_small_exponent(&self) -> bool {
        self.has_small_exponent
    }

    pub(crate) fn supports(&self, algorithm: SigningAlgorithm) -> bool {
        self.prepared.iter().any(|key| key.algorithm() == algorithm)
    }

    /// The issuer, or the template of issuers, that the key is marked for.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether the key may speak for the issuer of these claims (rule R6).
    pub(crate) fn speaks_for(&self, claims: &Claims) -> bool {
        self.issuer
            .as_deref()
            .is_none_or(|mark| KeyMark(mark).is_for(claims))
    }
}

/// What the `issuer` member of a JWK says. Entra marks its keys with an issuer (the tenant of personal
/// accounts), or with a template in which the token's own tenant takes the place of the braces.
struct KeyMark<'jwk>(&'jwk str);

impl KeyMark<'_> {
    /// How the tenant's place is spelled: in key sets, and in the settings.
    const PLACES: [&'static str; 2] = ["{tenantid}", "{tid}"];
    /// The claim that names the tenant.
    const CLAIM: &'static str = "tid";

    fn is_for(&self, claims: &Claims) -> bool {
        let issuer = claims.text("iss").ok().flatten();
        let place = Self::PLACES
            .iter()
            .find_map(|place| self.0.split_once(place));
        match place {
            None => Some(self.0) == issuer,
            Some((before, after)) => Self::tenant(claims)
                .is_some_and(|tenant| Some(format!("{before}{tenant}{after}").as_str()) == issuer),
        }
    }

    /// A tenant that could not change the shape of an issuer, and that every reader takes for the same: a
    /// second claim whose name differs only in case would be the tenant to another one.
    fn tenant(claims: &Claims) -> Option<&str> {
        let tenant = claims.text(Self::CLAIM).ok().flatten()?;
        let is_tenant = IssuerTemplate::may_be_tenant(tenant);
        (is_tenant && claims.is_the_only_spelling_of(Self::CLAIM)).then_some(tenant)
    }
}

/// Published private or symmetric key material belongs to everybody.
fn refuse_private_members(members: &Map<String, Value>) -> Result<(), String> {
    match private_member(members) {
        Some(name) => Err(format!(
            "it carries the private member `{name}`: whoever read this set can sign with it"
        )),
        None => Ok(()),
    }
}

/// The name of the first member that only the signer may know.
pub(super) fn private_member(members: &Map<String, Value>) -> Option<&'static str> {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .into_iter()
        .find(|name| members.contains_key(*name))
}

/// RFC 7517 §4.2, §4.3: a key for something else is no signing key.
fn check_use(members: &Map<String, Value>) -> Result<(), String> {
    match text(members, "use")? {
        None | Some("sig") => {}
        Some(other) => {
            return Err(format!(
                "its `use` is \"{}\", not \"sig\"",
                Printable(other)
            ));
        }
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations))
            if operations.iter().any(|operation| operation == "verify") =>
        {
            Ok(())
        }
        Some(_) => Err("its `key_ops` do not contain \"verify\"".to_owned()),
    }
}

fn bound_algorithm(members: &Map<String, Value>) -> Result<Option<SigningAlgorithm>, String> {
    let Some(name) = text(members, "alg")? else {
        return Ok(None);
    };
    SigningAlgorithm::from_name(name)
        .map(Some)
        .ok_or_else(|| format!("its `alg` is \"{}\"", Printable(name)))
}

fn key_id(members: &Map<String, Value>) -> Result<Option<KeyId>, String> {
    let Some(text) = text(members, "kid")? else {
        return Ok(None);
    };
    KeyId::new(text)
        .map(Some)
        .ok_or_else(|| format!("its `kid` is longer than {} bytes", KeyId::MAX_LENGTH))
}

/// Binds the key to its algorithms now, so that no token can choose one later (RFC 8725 §3.1).
fn prepare(material: &Material, bound: Option<SigningAlgorithm>) -> Result<Vec<PublicKey>, String> {
    let fitting = material.algorithms();
    let wanted: Vec<_> = fitting
        .iter()
        .copied()
        .filter(|fits| bound.is_none_or(|bound| bound == *fits))
        .collect();
    if let (true, Some(bound)) = (wanted.is_empty(), bound) {
        return Err(format!("its `alg` {bound} does not fit its type"));
    }
    let prepare = |algorithm| PublicKey::prepare(algorithm, material.as_backend());
    wanted
        .into_iter()
        .map(prepare)
        .collect::<Option<_>>()
        .ok_or_else(|| "its numbers are no valid public key".to_owned())
}

/// Decoded key material, its lengths checked.
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    Ec {
        curve: &'static Curve,
        point: Vec<u8>,
    },
    Ed25519 {
        point: Vec<u8>,
    },
}

/// A curve and the one algorithm that goes with it (RFC 7518 §3.4).
struct Curve {
    name: &'static str,
    coordinate_length: usize,
    algorithms: &'static [SigningAlgorithm],
}

const CURVES: &[Curve] = &[
    Curve {
        name: "P-256",
        coordinate_length: 32,
        algorithms: &[SigningAlgorithm::Es256],
    },
    Curve {
        name: "P-384",
        coordinate_length: 48,
        algorithms: &[SigningAlgorithm::Es384],
    },
    Curve {
        name: "P-521",
        coordinate_length: 66,
        algorithms: &[SigningAlgorithm::Es512],
    },
];

impl Material {
    fn parse(members: &Map<String, Value>) -> Result<Self, String> {
        match required(members, "kty")? {
            "RSA" => Self::rsa(members),
            "EC" => Self::ec(members),
            "OKP" => Self::okp(members),
            "oct" => Err("it is a symmetric key, which is never taken from a key set".to_owned()),
            other => Err(format!("its `kty` is \"{}\"", Printable(other))),
        }
    }

    fn rsa(members: &Map<String, Value>) -> Result<Self, String> {
        let (modulus, exponent) = (octets(members, "n")?, octets(members, "e")?);
        rsa::check(&modulus, &exponent)?;
        Ok(Self::Rsa { modulus, exponent })
    }

    /// Only coordinates of full length (RFC 7518 §6.2.1.2). Some providers drop leading zeros; padding
    /// them here would hide that one signature in 256 breaks elsewhere.
    fn ec(members: &Map<String, Value>) -> Result<Self, String> {
        let name = required(members, "crv")?;
        let curve = CURVES
            .iter()
            .find(|curve| curve.name == name)
            .ok_or_else(|| unknown_curve(name))?;
        let mut point = vec![0x04];
        for coordinate in ["x", "y"] {
            let octets = octets(members, coordinate)?;
            if octets.len() != curve.coordinate_length {
                let (expected, found) = (curve.coordinate_length, octets.len());
                return Err(format!(
                    "its `{coordinate}` has {found} bytes, where {name} has {expected} (leading zeros count)"
                ));
            }
            point.extend_from_slice(&octets);
        }
        Ok(Self::Ec { curve, point })
    }

    fn okp(members: &Map<String, Value>) -> Result<Self, String> {
        match required(members, "crv")? {
            "Ed25519" => {}
            other => return Err(unknown_curve(other)),
        }
        let point = octets(members, "x")?;
        if point.len() != 32 {
            return Err(format!(
                "its `x` has {} bytes, where Ed25519 has 32",
                point.len()
            ));
        }
        Ok(Self::Ed25519 { point })
    }

    /// Legal for verification, and a sign of a careless signer: padding mistakes become forgeries.
    fn has_small_exponent(&self) -> bool {
        matches!(self, Self::Rsa { exponent, .. } if exponent.len() == 1)
    }

    fn algorithms(&self) -> &'static [SigningAlgorithm] {
        match self {
            Self::Rsa { .. } => SigningAlgorithm::RSA,
            Self::Ec { curve, .. } => curve.algorithms,
            Self::Ed25519 { .. } => &[SigningAlgorithm::EdDsa],
        }
    }

    fn as_backend(&self) -> KeyMaterial<'_> {
        match self {
            Self::Rsa { modulus, exponent } => KeyMaterial::Rsa { modulus, exponent },
            Self::Ec { point, .. } => KeyMaterial::Ec { point },
            Self::Ed25519 { point } => KeyMaterial::Ed25519 { point },
        }
    }

    /// The required members in lexicographic order, without blanks (RFC 7638 §3.2). Their values were
    /// decoded strictly, so none of them needs escaping.
    fn canonical_json(&self, members: &Map<String, Value>) -> Result<String, String> {
        let names: &[&str] = match self {
            Self::Rsa { .. } => &["e", "kty", "n"],
            Self::Ec { .. } => &["crv", "kty", "x", "y"],
            Self::Ed25519 { .. } => &["crv", "kty", "x"],
        };
        let pairs = names
            .iter()
            .map(|name| Ok(format!("\"{name}\":\"{}\"", required(members, name)?)));
        Ok(format!(
            "{{{}}}",
            pairs.collect::<Result<Vec<_>, String>>()?.join(",")
        ))
    }
}

fn unknown_curve(name: &str) -> String {
    format!("its curve is \"{}\"", Printable(name))
}

fn octets(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    base64url::decode(required(members, name)?)
        .ok_or_else(|| format!("its `{name}` is not base64url"))
}

fn required<'jwk>(members: &'jwk Map<String, Value>, name: &str) -> Result<&'jwk str, String> {
    text(members, name)?.ok_or_else(|| format!("it has no `{name}`"))
}

fn text<'jwk>(members: &'jwk Map<String, Value>, name: &str) -> Result<Option<&'jwk str>, String> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("its `{name}` is no string")),
    }
}
