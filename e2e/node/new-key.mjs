// Prints a new private key as a JWK: `new-key.mjs ALG [USE]`.

import { newKey } from './keys.mjs';

const [alg, use] = process.argv.slice(2);
console.log(JSON.stringify(await newKey(alg, use)));
