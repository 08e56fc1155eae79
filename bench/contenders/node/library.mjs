// One validation of jose or fast-jwt with a key that was read before: for each number on a line, so many validations
// of the same token, answered by the nanoseconds of processor time that they took.
import { createPublicKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { importJWK, jwtVerify } from 'jose';
import { createVerifier } from 'fast-jwt';

const [contender, text] = process.argv.slice(2);
const { token, jwk, issuer, audience } = JSON.parse(text);

async function ofJose() {
  const key = await importJWK(jwk, jwk.alg);
  const options = { issuer, audience, algorithms: [jwk.alg] };
  return () => jwtVerify(token, key, options);
}

function ofFastJwt(cache) {
  const key = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const verify = createVerifier({ key, cache, algorithms: [jwk.alg], allowedIss: issuer, allowedAud: audience });
  return () => verify(token);
}

const makers = {
  jose: ofJose,
  'fast-jwt': () => ofFastJwt(false),
  'fast-jwt-cached': () => ofFastJwt(true),
};
const validate = await makers[contender]();

for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line);
  const begin = process.cpuUsage();
  if (contender === 'jose') {
    for (let number = 0; number < count; number += 1) await validate();
  } else {
    for (let number = 0; number < count; number += 1) validate();
  }
  const { user, system } = process.cpuUsage(begin);
  console.log(String((user + system) * 1000));
}
