// The matrix's @grpc/grpc-js client: runs each scenario on a channel of its own, prints an outcome for each.
'use strict';

const { createHash } = require('node:crypto');
const { setTimeout: after } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const { load } = require('./services');
const { CALL_MS, DEADLINE_MS, IDLE_MS, TRACE, extraMetadata, megabyte } = require('./matrix_values');

const { Matrix } = load();
const KEEPALIVE_MS = 150;

const scenarios = {
  unary,
  server_stream: serverStream,
  client_stream: clientStream,
  bidi,
  megabyte: largeUnary,
  hundred_streams: hundredStreams,
  trailers_only: trailersOnly,
  cancel,
  deadline,
  keepalive,
  idle,
  metadata_bin: metadataBin,
};

async function unary(client) {
  const { response, status } = await call(client, { payload: Buffer.from('hello') });
  return { status, payload: response?.payload.toString() };
}

async function serverStream(client) {
  const numbers = [];
  let payloads = 0;
  const stream = client.serverStream({ payload: Buffer.from('s'), count: 10 }, metadata(), options());
  stream.on('data', ({ number, payload }) => {
    numbers.push(number);
    payloads += payload.toString() === 's';
  });
  return { status: await statusOf(stream), numbers, payloads };
}

function clientStream(client) {
  return new Promise((settle) => {
    let response;
    const stream = client.clientStream(metadata(), options(), (error, received) => { response = received; });
    stream.on('status', (status) => {
      setImmediate(() => settle({ status, payload: response?.payload.toString(), number: response?.number }));
    });
    for (const payload of ['a', 'b', 'c']) stream.write({ payload: Buffer.from(payload) });
    stream.end();
  });
}

async function bidi(client) {
  const stream = open(client);
  const numbers = [];
  for (let round = 0; round < 10; round += 1) {
    const answer = await pingPong(stream);
    if (answer === undefined) return { status: await stream.status };
    numbers.push(answer.number);
  }
  stream.end();
  return { status: await stream.status, numbers };
}

async function largeUnary(client) {
  const { response, status } = await call(client, { payload: megabyte() });
  const payload = response?.payload ?? Buffer.alloc(0);
  return { status, length: payload.length, sha256: createHash('sha256').update(payload).digest('hex') };
}

async function hundredStreams(client) {
  const streams = Array.from({ length: 100 }, () => open(client));
  for (const stream of streams) {
    if (await pingPong(stream) === undefined) return { status: await stream.status };
  }
  for (const stream of streams) stream.end();
  const statuses = await Promise.all(streams.map((stream) => stream.status));
  return {
    status: statuses.find(({ code }) => code !== 0) ?? statuses[0],
    finished: statuses.filter(({ code }) => code === 0).length,
  };
}

async function trailersOnly(client) {
  return { status: (await call(client, { status: 5, message: 'no such thing' })).status };
}

async function cancel(client) {
  const request = { payload: Buffer.from('c'), count: 1000, waitMilliseconds: 50 };
  const stream = client.serverStream(request, metadata(), options());
  const status = statusOf(stream);
  let received = 0;
  stream.once('data', () => {
    received += 1;
    stream.cancel();
  });
  return { status: await status, received };
}

// The deadline is to end a call, not a connection that is being made.
async function deadline(client) {
  await ready(client);
  const request = { payload: Buffer.from('late'), waitMilliseconds: 5000 };
  const { status } = await call(client, request, metadata(), { deadline: Date.now() + DEADLINE_MS });
  // Libraries word their own deadline as they like.
  return { status: { code: status.code, details: '' } };
}

async function keepalive(client) {
  const stream = open(client);
  await pingPong(stream);
  await after(2.5 * KEEPALIVE_MS);
  const alive = await pingPong(stream) !== undefined;
  stream.end();
  return { status: await stream.status, alive };
}

async function idle(client) {
  await ready(client);
  await after(IDLE_MS);
  return unary(client);
}

function ready(client) {
  return new Promise((connected) => client.waitForReady(Date.now() + CALL_MS, connected));
}

async function metadataBin(client) {
  const extended = metadata();
  extended.set('trace-bin', TRACE);
  const { initial, status } = await call(client, { payload: Buffer.from('trace') }, extended);
  return { status, initial: hexadecimal(initial), trailing: hexadecimal(status.metadata) };
}

// A channel of its own connection: grpc-js shares one between equal targets otherwise.
function connect(address, name) {
  return new Matrix(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': 4 << 20,
    ...(name === 'keepalive' ? { 'grpc.keepalive_time_ms': KEEPALIVE_MS, 'grpc.keepalive_timeout_ms': 5000 } : {}),
  });
}

function metadata() {
  const extended = new grpc.Metadata();
  for (const [name, value] of extraMetadata()) extended.add(name, value);
  return extended;
}

function options() {
  return { deadline: Date.now() + CALL_MS };
}

// Settles at the status, never rejects: a failed call is an outcome too.
function call(client, request, extended = metadata(), settings = options()) {
  return new Promise((settle) => {
    const answer = {};
    const made = client.unary(request, extended, settings, (error, response) => { answer.response = response; });
    made.on('metadata', (initial) => { answer.initial = initial; });
    made.on('status', (status) => setImmediate(() => settle({ ...answer, status })));
  });
}

function open(client) {
  const stream = client.bidiStream(metadata(), options());
  stream.status = statusOf(stream);
  return stream;
}

function statusOf(stream) {
  stream.on('error', () => {});
  return new Promise((settle) => stream.on('status', settle));
}

// The answer to one message; undefined when the call ended instead.
function pingPong(stream) {
  const answered = new Promise((settle) => stream.once('data', settle));
  stream.write({ payload: Buffer.from('ping') });
  return Promise.race([answered, stream.status.then(() => undefined)]);
}

function hexadecimal(fields) {
  return fields?.get('trace-bin').map((value) => value.toString('hex')).join() ?? '';
}

async function main(names, address) {
  if (names === 'list') {
    console.log(JSON.stringify(Object.keys(scenarios)));
    return;
  }
  for (const name of names.split(',')) {
    const client = connect(address, name);
    const { status, ...result } = await scenarios[name](client);
    console.log(JSON.stringify({ scenario: name, code: status.code, message: status.code === 0 ? '' : status.details, ...result }));
    client.close();
  }
}

main(...process.argv.slice(2));
