//! Every default and limit, and the reason for it.
//!
//! | What | Value | Why |
//! |---|---|---|
//! | algorithms | RS, PS, ES 256–512, EdDSA | asymmetric ones that providers use; ES256K and Ed448 are rare, HS\* shares the secret with the issuer |
//! | shared secret | none; at least 32 bytes, 48 for HS384, 64 for HS512 | RFC 7518 §3.2: as long as the hash. Who verifies with it can also mint, so no default and no key set brings one |
//! | clock skew | 60 s, at most 300 s | what peers tolerate; more than 300 s is a broken clock, and is better fixed |
//! | edge of `exp` | refused from `exp + skew` on | RFC 7519 §4.1.4: "on or after" is expired |
//! | edges of `nbf`, `iat` | taken from `time - skew` on | the skew widens each window alike |
//! | longest token | 16 KiB | HTTP servers rarely take longer headers |
//! | longest header | 4 KiB | room for an ignored `x5c` of one certificate |
//! | nesting | 32 levels | claims nest a few levels; the stack needs none more |
//! | JSON values | 512, and one for each four bytes; an object counts eight | a token of 16 KiB must not fill a megabyte |
//! | keys tried | 4 | one `kid` names one key, and issuers that omit it overlap two or three; more helps only an attacker |
//! | `kid` | 512 bytes | it stands in tables of unknown ids, which must stay bounded |
//! | key set | 512 KiB, 1000 keys | far above what providers publish, and still bounded memory |
//! | RSA modulus | 2048–8192 bits | RFC 7518 §3.3; verification time grows with the square |
//! | RSA exponent | odd, 3 to 2^33 | 3 is legal for verification |
//! | `typ` | absent, `JWT`, `at+jwt` | RFC 9068 is young: most providers write the first two; [`crate::Profile::requiring_at_jwt`] is stricter |
//! | missing `aud` | refused | only listed clients may lack it, and Cognito and Clerk, where the client stands in for it |
//! | shared audiences | refused without a list of clients | what every token of a provider says binds none of them |
//! | user id, tenant, client, tier | 1024 bytes, no control character, no blank at either end | names come in every script; the gateway refuses those that fit no header |
//! | tier | `free`, also for one that is no string | the contract of the Python class that this product grew from |
//! | groups | none | a claim is trusted as a group only where the profile says so; those of all its places are joined |
//! | person or program | a program, unless a user is named who is no client and no sign of the profile speaks against it | the rights of a person are never given by accident |
//! | actors | 8 | one acts now, the others acted before; more is no delegation that anybody reads |
//! | e-mail | a label; verified only if `email_verified` stands beside the claim `email` | addresses change hands, and few issuers verify them |
//! | `Retry-After` | 60 s on 429, 10 s on 503 | the window of the limit; one cooldown of the key fetcher |
//!
//! The order of the checks is that of [`crate::Verifier::explain`]. Everything that is wrong with the
//! token comes before scopes, so an expired token without scope is answered 401 and renewed, not 403.
