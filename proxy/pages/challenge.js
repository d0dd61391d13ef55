// Does the work that a new place costs. Waiting is enough as well, so this never takes longer than that.
const D = JSON.parse(document.getElementById("stanchion").textContent);
document.getElementById("no-cookies").hidden = navigator.cookieEnabled;
const bar = document.querySelector("progress");
function go() {
if (D.get && location.hash) location.reload();
else location.replace(D.back || location.pathname + location.search);
}
setTimeout(go, D.wait_ms + 500);

// In the worker: for each piece the first number whose derived key is small enough.
function work() {
const utf8 = s => new TextEncoder().encode(s);
async function native(password, salt, rounds) {
const key = await crypto.subtle.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
const bits = await crypto.subtle.deriveBits({name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds}, key, 32);
return new DataView(bits).getUint32(0);
}

// Where a page has come over plain HTTP there is no crypto.subtle: SHA-256 (FIPS 180-4) and PBKDF2 (RFC 8018) by hand.
const K = [], H = [], frac = x => (x - Math.floor(x)) * 4294967296 | 0;
for (let n = 2; K.length < 64; n++) {
let prime = true;
for (let d = 2; d * d <= n; d++) if (n % d == 0) prime = false;
if (!prime) continue;
if (H.length < 8) H.push(frac(Math.sqrt(n)));
K.push(frac(Math.cbrt(n)));
}
const W = new Int32Array(64), rot = (x, n) => x >>> n | x << 32 - n;
function block(state, words) {
for (let i = 0; i < 64; i++) {
if (i < 16) { W[i] = words[i]; continue; }
const x = W[i - 15], y = W[i - 2];
W[i] = W[i - 16] + W[i - 7] + (rot(x, 7) ^ rot(x, 18) ^ x >>> 3) + (rot(y, 17) ^ rot(y, 19) ^ y >>> 10);
}
let [a, b, c, d, e, f, g, h] = state;
for (let i = 0; i < 64; i++) {
const s = h + (rot(e, 6) ^ rot(e, 11) ^ rot(e, 25)) + (e & f ^ ~e & g) + K[i] + W[i] | 0;
const t = (rot(a, 2) ^ rot(a, 13) ^ rot(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
h = g; g = f; f = e; e = d + s | 0; d = c; c = b; b = a; a = s + t | 0;
}
return [a, b, c, d, e, f, g, h].map((x, i) => x + state[i] | 0);
}
function words(bytes, length) {
const out = new Int32Array(length);
bytes.forEach((byte, i) => { out[i >> 2] |= byte << 24 - i % 4 * 8; });
return out;
}
function ended(list, bits, length) {
const out = new Int32Array(length);
out.set(list);
out[list.length] = 1 << 31;
out[length - 1] = bits;
return out;
}
function plain(password, salt, rounds) {
const key = words(utf8(password), 16);
const inner = block(H, key.map(x => x ^ 0x36363636)), outer = block(H, key.map(x => x ^ 0x5c5c5c5c));
const first = words([...salt, 0, 0, 0, 1], salt.length + 4 >> 2), all = ended(first, (68 + salt.length) * 8, 32);
let u = block(block(inner, all.subarray(0, 16)), all.subarray(16));
let out = 0;
for (let i = 0; i < rounds; i++) {
if (i) u = block(inner, ended(u, 768, 16));
u = block(outer, ended(u, 768, 16));
out ^= u[0];
}
return out >>> 0;
}

onmessage = async ({data: {task, tries, rounds, pieces}}) => {
const salt = utf8(task), most = Math.floor(4294967295 / tries), numbers = [];
const at_once = self.crypto && crypto.subtle ? 16 : 1, derive = at_once > 1 ? native : plain;
for (let n = 0; numbers.length < pieces; n += at_once) {
const tried = Array.from({length: at_once}, (_, i) => derive(numbers.length + "." + (n + i), salt, rounds));
const found = (await Promise.all(tried)).findIndex(x => x <= most);
if (found < 0) continue;
numbers.push(n + found);
postMessage(numbers);
n = -at_once;
}
};
}

try {
const worker = new Worker(URL.createObjectURL(new Blob(["(" + work + ")()"])));
worker.onmessage = ({data: numbers}) => {
bar.value = numbers.length / D.pieces;
if (numbers.length < D.pieces) return;
document.cookie = D.cookie + "=" + [D.task, ...numbers].join(".") + D.attributes;
go();
};
worker.postMessage(D);
} catch {}
