// Keys of authorization servers that are not ours, made at run time.

import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';

/** A private key as a JWK, its `kid` the thumbprint of RFC 7638. */
export async function newKey(alg, use = 'sig') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(privateKey);
  const { kty, crv, x, y, e, n } = jwk;
  const required = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  const kid = createHash('sha256').update(JSON.stringify(required)).digest('base64url');
  return { ...jwk, kid, use, alg };
}

/** What the world may know of it. */
export function publicHalf({ kty, crv, x, y, e, n, kid, use, alg }) {
  return { kty, crv, x, y, e, n, kid, use, alg };
}
