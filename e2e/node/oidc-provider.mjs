// A real authorization server on loopback: `oidc-provider` with dynamic registration, client-id
// metadata documents, resource indicators, JWT access tokens, the `iss` response parameter, and
// sign-in plus consent that answer themselves. `POST /_rotate` puts a new signing key first;
// `POST /_rotate?hard` throws the old ones away. Prints `{"ready":true,"issuer":…}` once it listens.
//
// SCOPES: the scopes of every resource. ALG: the algorithm of access tokens (RS256).

import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const SCOPES = process.env.SCOPES ?? 'mcp:read mcp:write';
const ALG = process.env.ALG ?? 'RS256';

/** Keeps what the provider stores outside of it, so that it survives a new instance at each rotation. */
const store = new Map();
class Memory {
  constructor(model) { this.model = model; }
  #key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { store.set(this.#key(id), { ...payload }); }
  async find(id) { return store.get(this.#key(id)); }
  async #findBy(member, value) {
    for (const [key, payload] of store) if (key.startsWith(`${this.model}:`) && payload[member] === value) return payload;
    return undefined;
  }
  async findByUid(uid) { return this.#findBy('uid', uid); }
  async findByUserCode(userCode) { return this.#findBy('userCode', userCode); }
  async consume(id) { store.get(this.#key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { store.delete(this.#key(id)); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of store) if (payload.grantId === grantId) store.delete(key);
  }
}

async function newKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(privateKey);
  const { kty, crv, x, y, e, n } = jwk;
  const required = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  const kid = createHash('sha256').update(JSON.stringify(required)).digest('base64url');
  return { ...jwk, kid, use: 'sig', alg };
}

function makeProvider(issuer, keys) {
  return new Provider(issuer, {
    adapter: Memory,
    jwks: { keys },
    scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
    clients: [{
      client_id: 'machine', client_secret: 'machine-secret-for-loopback-tests', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [], scope: SCOPES,
    }],
    pkce: { required: () => true },
    ttl: { AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, Grant: 3600, IdToken: 300, Interaction: 300, RefreshToken: 3600, Session: 3600 },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
    extraTokenClaims: () => ({ tenant_id: 'acme', tier: 'pro', email: 'alice@example.com' }),
    interactions: { url: (_, interaction) => `/auto/${interaction.uid}` },
    clientDefaults: { id_token_signed_response_alg: ALG },
    cookies: { keys: ['loopback-tests-only'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true, initialAccessToken: false },
      registrationManagement: { enabled: true },
      dPoP: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: SCOPES, audience: resource, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: ALG } },
        }),
      },
    },
  });
}

/** Answers the sign-in and the consent prompt without a person. */
async function interact(provider, req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: 'alice' } }, { mergeWithLastSubmission: true });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

const http = createServer();
http.listen(Number(process.env.PORT ?? 0), '127.0.0.1', async () => {
  const issuer = `http://localhost:${http.address().port}`;
  let keys = [await newKey(ALG)];
  let provider = makeProvider(issuer, keys);
  http.on('request', async (req, res) => {
    try {
      const url = new URL(req.url, issuer);
      if (url.pathname === '/_rotate' && req.method === 'POST') {
        const key = await newKey(ALG);
        keys = url.searchParams.has('hard') ? [key] : [key, ...keys];
        provider = makeProvider(issuer, keys);
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ kid: key.kid }));
      } else if (url.pathname.startsWith('/auto/')) {
        await interact(provider, req, res);
      } else {
        provider.callback()(req, res);
      }
    } catch (error) {
      console.error(error);
      if (!res.headersSent) res.writeHead(500).end(String(error));
    }
  });
  console.log(JSON.stringify({ ready: true, issuer }));
});
