// What both of the matrix's Node clients send.
'use strict';

const CALL_MS = 20_000;
const DEADLINE_MS = 1_000;
const IDLE_MS = 3_000;
const TRACE = Buffer.from([0x00, 0xff, 0x80, 0x2c, 0x0a]);

function megabyte() {
  return Buffer.from(Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 7) % 251));
}

// What MATRIX_METADATA adds to every call: "name=value,...".
function extraMetadata() {
  const pairs = (process.env.MATRIX_METADATA ?? '').split(',').filter(Boolean);
  return pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
}

module.exports = { CALL_MS, DEADLINE_MS, IDLE_MS, TRACE, extraMetadata, megabyte };
