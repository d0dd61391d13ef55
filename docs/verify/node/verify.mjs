// Checks a Stanchion pass: node verify.mjs JWKS-URL AUDIENCE PASS, where AUDIENCE is the room.
// Prints the subject and exits 0, or says why not and exits 1. Needs jose 6 (npm ci in this folder).
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [url, audience, pass] = process.argv.slice(2);
if (pass === undefined) {
  console.error('usage: node verify.mjs JWKS-URL AUDIENCE PASS');
  process.exit(2);
}

// In a service, make this once: it remembers the keys, and fetches them again for a key id that it does not know.
const keys = createRemoteJWKSet(new URL(url), { cacheMaxAge: 300_000, cooldownDuration: 10_000, timeoutDuration: 3_000 });

try {
  if (pass.length > 1024 || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(pass)) throw new Error('not a pass');
  const { payload } = await jwtVerify(pass, keys, {
    typ: 'stanchion-pass+jwt',
    algorithms: ['EdDSA', 'ES256'], // jose takes a key only for the algorithm that the key set names for it
    audience,
    requiredClaims: ['sub', 'exp', 'nbf'],
    clockTolerance: 30,
  });
  console.log(payload.sub);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
