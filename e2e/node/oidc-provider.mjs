// A real authorization server on loopback: `oidc-provider` with dynamic registration, client-id
// metadata documents, resource indicators, access tokens in four forms, introspection, revocation,
// the `iss` response parameter, and sign-in plus consent that answer themselves. `POST /_rotate` puts
// a new signing key first, `?alg=ES256` one of another algorithm; with `hard` the old ones are thrown
// away. Prints `{"ready":true,"issuer":…,"introspection_key":…}` once it listens; the key is the
// private one of the client `gate-by-key`.
//
// SCOPES: the scopes of every resource. ALG: the algorithm of access tokens (RS256).

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { newKey, publicHalf } from './keys.mjs';

const SCOPES = process.env.SCOPES ?? 'mcp:read mcp:write';
const ALG = process.env.ALG ?? 'RS256';
const SECRET = 'machine-secret-for-loopback-tests';
const ENCRYPTION_KEY = randomBytes(32);
const SHARED_SECRET = Buffer.from('shared-secret-for-loopback-tests');

/**
 * MCP clients register with the scopes of their first challenge. A server that holds them to those never
 * lets them step up, so this one lets whoever registers ask for every scope.
 */
function widened(client) {
  return client.scope === undefined ? { ...client } : { ...client, scope: `openid offline_access ${SCOPES}` };
}

/** Keeps what the provider stores outside of it, so that it survives a new instance at each rotation. */
const store = new Map();
class Memory {
  constructor(model) { this.model = model; }
  #key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { store.set(this.#key(id), this.model === 'Client' ? widened(payload) : { ...payload }); }
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

/** The form of a client's access tokens goes by the beginning of its name. */
function accessTokens(client, alg) {
  const [form] = client.clientId.split('-');
  switch (form) {
    case 'opaque': return { accessTokenFormat: 'opaque', accessTokenTTL: 300 };
    case 'brief': return { accessTokenFormat: 'opaque', accessTokenTTL: 2 };
    case 'sealed': return {
      accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg }, encrypt: { alg: 'dir', enc: 'A256GCM', key: ENCRYPTION_KEY } },
    };
    case 'shared': return { accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'HS256', key: SHARED_SECRET } } };
    default: return { accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg } } };
  }
}

const machine = (client_id) => ({
  client_id, client_secret: SECRET, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: SCOPES,
});

const person = (client_id) => ({
  client_id, token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: ['http://127.0.0.1:1/callback'],
  grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: `openid offline_access ${SCOPES}`,
});

/** A resource server that asks about tokens and gets none itself. */
const resourceServer = (client_id, more) => ({
  client_id, client_secret: SECRET, grant_types: [], redirect_uris: [], response_types: [], ...more,
});

function makeProvider(issuer, keys, introspectionKey) {
  const [{ alg }] = keys;
  return new Provider(issuer, {
    adapter: Memory,
    jwks: { keys },
    scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
    clients: [
      ...['machine', 'opaque-machine', 'brief-machine', 'sealed-machine', 'shared-machine'].map(machine),
      ...['person', 'opaque-person'].map(person),
      resourceServer('gate'),
      resourceServer('gate-by-key', {
        client_secret: undefined, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicHalf(introspectionKey)] },
      }),
    ],
    pkce: { required: () => true },
    ttl: { AuthorizationCode: 60, Grant: 3600, IdToken: 300, Interaction: 300, RefreshToken: 3600, Session: 3600 },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
    extraTokenClaims: () => ({ tenant_id: 'acme', tier: 'pro', email: 'alice@example.com' }),
    interactions: { url: (_, interaction) => `/auto/${interaction.uid}` },
    clientDefaults: { id_token_signed_response_alg: alg, introspection_signed_response_alg: alg },
    cookies: { keys: ['loopback-tests-only'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true, initialAccessToken: false },
      registrationManagement: { enabled: true },
      dPoP: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource, client) => ({ scope: SCOPES, audience: resource, ...accessTokens(client, alg) }),
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
  const introspectionKey = await newKey('ES256');
  let provider = makeProvider(issuer, keys, introspectionKey);
  http.on('request', async (req, res) => {
    try {
      const url = new URL(req.url, issuer);
      if (url.pathname === '/_rotate' && req.method === 'POST') {
        const key = await newKey(url.searchParams.get('alg') ?? ALG);
        keys = url.searchParams.has('hard') ? [key] : [key, ...keys];
        provider = makeProvider(issuer, keys, introspectionKey);
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
  console.log(JSON.stringify({ ready: true, issuer, introspection_key: introspectionKey }));
});
