// The @grpc/grpc-js client of the suite: makes the calls of one command and prints one JSON object.
'use strict';

const { createHash } = require('node:crypto');
const grpc = require('@grpc/grpc-js');
const { load } = require('./services');

const { Users, KeyValue } = load();
const LARGE_PHOTO_BYTES = 1 << 20;
const STREAMED_USERS = 500;
const CALL_TIMEOUT_MS = 20_000;

const SWITCHED_CALLS = 20;

const commands = { add, users, keyvalue, switch: switchNamespaces, probe };

// Every kind of call once, on one connection.
async function users(target) {
  const client = connect(Users, target);
  const unary = await call(client, 'addUser', { user: { name: 'Ada' } });
  const names = [];
  for await (const user of client.getUsers({ count: STREAMED_USERS }, new grpc.Metadata(), options())) {
    names.push(user.name);
  }
  const photo = Buffer.alloc(LARGE_PHOTO_BYTES, 'spliceway-photo\n');
  const large = await call(client, 'addUser', { user: { name: 'Grace', photo } });
  const failure = await call(client, 'addUser', { user: { name: '' } });
  const metadata = new grpc.Metadata();
  metadata.set('trace-bin', Buffer.from([0, 1, 2, 127, 128, 253, 254, 255]));
  const binary = await call(client, 'addUser', { user: { name: 'Ada' } }, metadata);
  client.close();
  return {
    unary: { id: unary.response.user.id, name: unary.response.user.name },
    stream: { count: names.length, first: names[0], last: names.at(-1) },
    large: {
      bytes: large.response.user.photo.length,
      sha256: createHash('sha256').update(large.response.user.photo).digest('hex'),
    },
    error: { code: failure.status.code, message: failure.status.details },
    binary: { initial: hexadecimal(binary.initial), trailing: hexadecimal(binary.status.metadata) },
  };
}

async function add(target, calls) {
  const client = connect(Users, target);
  for (let made = 0; made < Number(calls); made += 1) {
    const { response, status } = await call(client, 'addUser', { user: { name: 'Ada' } });
    if (response?.user.id !== 3) throw new Error(`AddUser answered ${status.code} ${status.details}`);
  }
  client.close();
  return { ok: Number(calls) };
}

// Writes, reads back, deletes and misses every key, over several connections.
async function keyvalue(target, namespace, channels, keys) {
  const metadata = new grpc.Metadata();
  metadata.set('x-prism-namespace', namespace);
  const stores = {};
  let operations = 0;
  for (let channel = 0; channel < Number(channels); channel += 1) {
    const client = connect(KeyValue, target);
    for (let index = 0; index < Number(keys); index += 1) {
      const key = `node-${channel}-${index}`;
      const value = `${namespace}/${key}`;
      const set = await call(client, 'set', { key, value: Buffer.from(value) }, metadata);
      const got = await call(client, 'get', { key }, metadata);
      const deleted = await call(client, 'delete', { key }, metadata);
      const missed = await call(client, 'get', { key }, metadata);
      const codes = [set, got, deleted, missed].map((answer) => answer.status.code);
      if (got.response?.value.toString() !== value || !deleted.response?.existed || codes.join() !== '0,0,0,5') {
        throw new Error(`${key}: codes ${codes}, ${set.status.details}, read ${got.response?.value}`);
      }
      stores[got.response.store] = (stores[got.response.store] ?? 0) + 1;
      operations += 4;
    }
    client.close();
  }
  return { operations, stores };
}

// One channel whose calls change their namespace now and then: which store answered, and what went wrong.
async function switchNamespaces(target, calls, pauseMs) {
  const client = connect(KeyValue, target);
  const stores = {};
  const failures = [];
  for (let index = 0; index < Number(calls); index += 1) {
    const namespace = ['alpha', 'beta'][Math.floor(index / SWITCHED_CALLS) % 2];
    const metadata = new grpc.Metadata({ waitForReady: true });
    metadata.set('x-prism-namespace', namespace);
    const { response, status } = await call(client, 'get', { key: 'known' }, metadata);
    const answered = `${namespace} by ${response?.store}`;
    if (status.code === 0) stores[answered] = (stores[answered] ?? 0) + 1;
    else failures.push(`${index}: ${status.code} ${status.details}`);
    await new Promise((settle) => setTimeout(settle, Number(pauseMs)));
  }
  client.close();
  return { stores, failures };
}

// One call that may fail, and its status.
async function probe(target, ...pairs) {
  const metadata = new grpc.Metadata();
  for (const pair of pairs) {
    const [name, value] = pair.split('=', 2);
    metadata.add(name, value);
  }
  const client = connect(KeyValue, target);
  const { status } = await call(client, 'delete', { key: 'absent' }, metadata);
  client.close();
  return { code: status.code, message: status.details };
}

// A channel of its own connection: grpc-js shares one between equal targets otherwise.
function connect(Service, target) {
  return new Service(target, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
}

function options() {
  return { deadline: Date.now() + CALL_TIMEOUT_MS };
}

// Settles at the status, never rejects: a failed call is an answer too.
function call(client, method, request, metadata = new grpc.Metadata()) {
  return new Promise((settle) => {
    const answer = {};
    const made = client[method](request, metadata, options(), (error, response) => { answer.response = response; });
    made.on('metadata', (initial) => { answer.initial = initial; });
    made.on('status', (status) => setImmediate(() => settle({ ...answer, status })));
  });
}

function hexadecimal(metadata) {
  return metadata.get('trace-bin').map((value) => value.toString('hex')).join();
}

const [, , command, ...parameters] = process.argv;
commands[command](...parameters).then((result) => console.log(JSON.stringify(result)));
