// One GET by Node's http2, and the fields that say what became of it: request.js URL [NAME=VALUE]...
'use strict';

const http2 = require('node:http2');

const [, , address, ...pairs] = process.argv;
const { origin, pathname } = new URL(address);
const fields = { ':path': address.slice(origin.length) || pathname };
for (const pair of pairs) {
  const [name, value] = pair.split('=', 2);
  fields[name] = fields[name] === undefined ? value : [].concat(fields[name], value);
}

const session = http2.connect(origin);
const request = session.request(fields);
request.on('response', (answer) => {
  console.log(JSON.stringify({ status: answer[':status'], 'proxy-status': answer['proxy-status'] ?? null }));
});
request.on('close', () => session.close());
request.resume();
