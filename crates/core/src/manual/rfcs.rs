//! Which parts of which RFC are supported, and which are not.
//!
//! | RFC | Supported | Not supported |
//! |---|---|---|
//! | 6750 Bearer tokens | §2.1 header, §3 challenges and error codes | §2.2 form body and §2.3 query (RFC 9700 §4.3.2 advises against both): a token there counts as none |
//! | 7515 JWS | compact serialization | JSON serializations, `crit` extensions, keys from the header |
//! | 7516 JWE | told apart by shape, refused | decryption |
//! | 7517 JWK | RSA, EC, OKP public keys; `use`, `key_ops`, `alg`, `kid` | symmetric keys, private members, `x5c` and `x5u` |
//! | 7518 JWA | RS, PS, ES 256, 384, 512; HS 256, 384, 512 with a secret that the operator gave | `none` |
//! | 7519 JWT | all registered claims but `jti` (a bearer token may be used again) | nested and encrypted tokens |
//! | 7638 Thumbprint | SHA-256 | other hashes |
//! | 7662 Introspection | the answer, read strictly and judged like a token; `token_type` Bearer | `username`; DPoP-bound tokens |
//! | 7797 Unencoded payload | refused (§7 forbids it in a JWT) | |
//! | 7800, 8705, 9449 Bound tokens | recognised by `cnf`, refused | proof of possession by DPoP or mutual TLS |
//! | 8037, 9864 EdDSA | Ed25519, as `EdDSA` and `Ed25519` | Ed448 |
//! | 8693 Actor claim | told for the audit record, eight at most; `sub` is the caller | decisions on `act` |
//! | 8707 Resource indicators | `aud` and `resource` compared with the canonical URI | |
//! | 8725 JWT best practices | §3.1–§3.12, as far as they speak to a verifier | |
//! | 9068 JWT access tokens | `typ`, `client_id`, `scope`; strict by profile | `acr`, `amr` and `auth_time` are not looked at |
//! | 9701 Signed introspection | `typ`, `iss`, `aud`, `iat`, signature by the issuer's keys | encrypted answers |
//! | 9728 Resource metadata | the document, its URLs, the challenge parameter | signed metadata |
