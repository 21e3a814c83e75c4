"use strict";

// Finds the number of a proof of work (ALTCHA): SHA-256(salt + number) must be
// the challenge. Written out, because pages that did not come over HTTPS have
// no crypto.subtle.
const K = new Uint32Array(64);
const START = new Uint32Array(8);
{
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  const fraction = (v) => Math.floor((v - Math.floor(v)) * 2 ** 32);
  primes.forEach((p, i) => { K[i] = fraction(Math.cbrt(p)); });
  START.forEach((_, i) => { START[i] = fraction(Math.sqrt(primes[i])); });
}
const w = new Uint32Array(64);

function sha256(text) {
  const length = text.length; // ASCII: one byte a character
  const blocks = (length + 9 + 63) >> 6;
  const state = new Uint32Array(START);
  const byteAt = (i) => (i < length ? text.charCodeAt(i) : i === length ? 0x80 : 0);
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < 16; i++) {
      const at = block * 64 + i * 4;
      w[i] = (byteAt(at) << 24) | (byteAt(at + 1) << 16) | (byteAt(at + 2) << 8) | byteAt(at + 3);
    }
    if (block === blocks - 1) w[15] = length * 8;
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      const s0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
      const s1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((v, i) => { state[i] += v; });
  }
  return Array.from(state, (v) => v.toString(16).padStart(8, "0")).join("");
}

self.onmessage = ({ data }) => {
  const most = data.maxnumber || data.maxNumber || 1_000_000;
  for (let n = 0; n <= most; n++) {
    if (n % 5000 === 0) self.postMessage({ progress: (100 * n) / most });
    if (sha256(data.salt + n) === data.challenge) {
      self.postMessage({ number: n });
      return;
    }
  }
  self.postMessage({ number: -1 });
};
