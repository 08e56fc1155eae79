//! Known attacks on token validators, and the answer to each.
//!
//! They fold into a few habits: the token chooses something; a missing or mistyped claim counts as
//! checked; text is compared by part; two parsers disagree; a limit is missing; a secret reaches a log.
//! Each class is a file of `tests/attacks`, and each test carries the row of the catalogue it answers.
//!
//! # The token chooses the algorithm
//!
//! `none`, an HMAC keyed with the public key, a weaker algorithm of the same key type. A key is bound
//! to its algorithms when its set is loaded ([`crate::keys::Jwk`]), the allow-list is the verifier's,
//! and [`crate::SigningAlgorithm`] has no name for `none` and HS\*. An HMAC is computed with a
//! [`crate::SharedSecret`] only, which the operator gave for one issuer, and which no key ever becomes.
//!
//! # The token brings its own key
//!
//! `jwk`, `x5c`, `jku` and `x5u` must have the right JSON type and are otherwise ignored. A `kid` is
//! compared with those of the issuer's keys; it is never part of a path, a query or a file name.
//!
//! # The token asks for rules that the verifier does not know
//!
//! Any `crit`, any `b64`, nested tokens (`cty` = `JWT`), encrypted tokens and every JSON serialization
//! are refused.
//!
//! # The token makes the verifier work
//!
//! Length, header length, nesting and the number of tried keys are limited before anything is
//! computed: 16 KiB, 4 KiB, 32 levels, four keys. Encrypted tokens are told by their dots, so neither
//! `p2c` nor a compressed bomb is ever looked at.
//!
//! # Two readers read two tokens
//!
//! One JSON reader ([`crate::json`]) serves headers, claims, key sets and metadata. It refuses a name
//! that occurs twice at any level (also when spelled with `\u` escapes), lone surrogates, U+0000, a byte
//! order mark, and anything but UTF-8. base64url is taken in one spelling only, so that a token has one.
//!
//! # A token for something else
//!
//! `typ` is an allow-list: logout tokens, DPoP proofs, security events and whatever comes next are out.
//! Profiles name the claims that tell access tokens from ID and refresh tokens signed with the same key,
//! and an ID token of a client whose id is an expected audience is told by what it lacks
//! ([`crate::context::ClientAudience`]).
//!
//! # A token for somebody else
//!
//! Issuers are compared byte by byte and choose the keys; there is no common pool of keys. Audiences are
//! compared as whole strings. A verifier without an audience cannot be built. A `resource` claim, if
//! present, must name this very resource. A multi-tenant issuer is bound to the token's own tenant
//! ([`crate::claims::IssuerTemplate`]), and keys that are marked with an issuer speak for it only.
//!
//! A preset is found by an issuer's bytes and never by a part of them, and only an issuer that no other
//! provider can have finds one ([`crate::context::Preset::for_issuer`]). A claim below another claim's
//! value is looked up by exactly that value: neither `/` nor `~` in it leads elsewhere.
//!
//! # A person who looks like a program, and a program that looks like a person
//!
//! RFC 9700 §4.15: a client that may choose its id could choose a user's, and a user that may choose a
//! name could choose a service account's. `sub` is compared with every claim that names a client; names
//! that people may choose count only beside what the issuer alone writes; what cannot be told is a
//! program ([`crate::context::MachineSign`]). Two spellings of the tenant claim are refused.
//!
//! # A claim that is missing or mistyped
//!
//! A claim of the wrong type is an error, never an absent one. `exp` is required. Numbers never saturate:
//! 2^64 and 1e400 are no time. An empty `sub` is nobody; a token without a subject belongs to a program,
//! and never has a user's identity.
//!
//! # A stolen token that was bound to a key
//!
//! `cnf` without proof is refused. Taking such a token as a plain bearer token would undo the binding.
//!
//! # Weak and published keys
//!
//! RSA below 2048 bits, exponents that are even or 1, moduli of the broken ROCA generator, points off
//! the curve, keys with private members and symmetric keys are skipped, each with its reason.
//!
//! # Echoes
//!
//! What a client is told is fixed text ([`crate::challenge`]). What an operator is told quotes the token
//! escaped and cut ([`crate::text::Printable`]); tokens and signatures are in neither.
