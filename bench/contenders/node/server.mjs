// jose's createRemoteJWKSet as its documentation shows it: one per process, asked for each request.
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { PORT, JWKS_URL, ISSUER, AUDIENCE, TTL_SECONDS } = process.env;
const options = TTL_SECONDS ? { cacheMaxAge: Number(TTL_SECONDS) * 1000 } : {};
const keys = createRemoteJWKSet(new URL(JWKS_URL), options);

async function isGood(request) {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return false;
  try {
    await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256', 'ES256'] });
    return true;
  } catch {
    return false;
  }
}

createServer(async (request, response) => {
  if (await isGood(request)) response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
  else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
}).listen(Number(PORT), '127.0.0.1');
