// The matrix's client on Node's own http2, which knows nothing of gRPC: messages are framed by hand.
'use strict';

const { createHash } = require('node:crypto');
const http2 = require('node:http2');
const { setTimeout: after } = require('node:timers/promises');
const { Messages } = require('./matrix_messages');
const { CALL_MS, DEADLINE_MS, IDLE_MS, TRACE, extraMetadata, megabyte } = require('./matrix_values');

const PING_MS = 100;

const scenarios = {
  unary,
  server_stream: serverStream,
  client_stream: clientStream,
  bidi,
  megabyte: (session) => single(session, { payload: megabyte() }, digest),
  hundred_streams: hundredStreams,
  trailers_only: (session) => single(session, { status: 5, message: 'no such thing' }, text),
  cancel,
  deadline,
  keepalive,
  idle: (session) => idle(session, unary),
  metadata_bin: metadataBin,
  get,
  get_megabyte: (session) => fetch(session, '/megabyte', digest),
  hundred_gets: hundredGets,
  idle_get: (session) => idle(session, get),
};

function unary(session) {
  return single(session, { payload: 'hello' }, text);
}

async function single(session, request, show) {
  const call = open(session, 'Unary');
  call.send(request);
  call.end();
  const answer = await call.messages.next();
  return { ...await call.status(), ...(answer === undefined ? {} : show(answer.payload)) };
}

async function serverStream(session) {
  const call = open(session, 'ServerStream');
  call.send({ payload: 's', count: 10 });
  call.end();
  const numbers = [];
  let payloads = 0;
  for (let answer; (answer = await call.messages.next()) !== undefined;) {
    numbers.push(answer.number);
    payloads += answer.payload.toString() === 's';
  }
  return { ...await call.status(), numbers, payloads };
}

async function clientStream(session) {
  const call = open(session, 'ClientStream');
  for (const payload of ['a', 'b', 'c']) call.send({ payload });
  call.end();
  const answer = await call.messages.next();
  return { ...await call.status(), payload: answer?.payload.toString(), number: answer?.number };
}

async function bidi(session) {
  const call = open(session, 'BidiStream');
  const numbers = [];
  for (let round = 0; round < 10; round += 1) {
    call.send({ payload: 'ping' });
    numbers.push((await call.messages.next())?.number);
  }
  call.end();
  await call.messages.next();
  return { ...await call.status(), numbers };
}

async function hundredStreams(session) {
  const calls = Array.from({ length: 100 }, () => open(session, 'BidiStream'));
  for (const call of calls) {
    call.send({ payload: 'ping' });
    await call.messages.next();
  }
  for (const call of calls) call.end();
  await Promise.all(calls.map((call) => call.messages.next()));
  const statuses = await Promise.all(calls.map((call) => call.status()));
  return { ...statuses[0], finished: statuses.filter(({ code }) => code === 0).length };
}

// Behind the cancelled call the connection has to serve another.
async function cancel(session) {
  const call = open(session, 'ServerStream');
  call.send({ payload: 'c', count: 1000, wait_milliseconds: 50 });
  call.end();
  await call.messages.next();
  call.stream.close(http2.constants.NGHTTP2_CANCEL);
  await call.messages.end();
  const { payload } = await unary(session);
  return { code: call.stream.rstCode === http2.constants.NGHTTP2_CANCEL ? 1 : 2, message: '', received: 1, payload };
}

async function deadline(session) {
  const call = open(session, 'Unary');
  call.send({ payload: 'late', wait_milliseconds: 5000 });
  call.end();
  const first = await Promise.race([after(DEADLINE_MS, 'late'), call.messages.next()]);
  call.stream.close(http2.constants.NGHTTP2_CANCEL);
  return { code: first === 'late' ? 4 : 2, message: '' };
}

async function keepalive(session) {
  const call = open(session, 'BidiStream');
  call.send({ payload: 'ping' });
  await call.messages.next();
  let pongs = 0;
  for (let ping = 0; ping < 3; ping += 1) {
    await after(PING_MS);
    await new Promise((settle, fail) => session.ping((error) => (error ? fail(error) : settle())));
    pongs += 1;
  }
  call.send({ payload: 'ping' });
  const alive = await call.messages.next() !== undefined;
  call.end();
  await call.messages.next();
  return { ...await call.status(), alive, pongs };
}

async function metadataBin(session) {
  const call = open(session, 'Unary', { 'trace-bin': TRACE.toString('base64').replace(/=+$/, '') });
  call.send({ payload: 'trace' });
  call.end();
  await call.messages.next();
  const status = await call.status();
  const shown = (fields) => Buffer.from(fields?.['trace-bin'] ?? '', 'base64').toString('hex');
  return { ...status, initial: shown(call.initial), trailing: shown(call.trailing) };
}

// A connection of Node's is there before its first call.
async function idle(session, scenario) {
  if (session.connecting) await new Promise((connected) => session.once('connect', connected));
  await after(IDLE_MS);
  return scenario(session);
}

function get(session) {
  return fetch(session, '/hello', text);
}

async function fetch(session, path, show) {
  const stream = session.request({ ':path': path, ...Object.fromEntries(extraMetadata()) });
  let http;
  stream.on('response', (fields) => { http = fields[':status']; });
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return { code: null, message: '', http, ...show(Buffer.concat(pieces)) };
}

async function hundredGets(session) {
  const answers = await Promise.all(Array.from({ length: 100 }, () => get(session)));
  return { code: null, message: '', finished: answers.filter(({ http, payload }) => http === 200 && payload === 'hello').length };
}

function text(payload) {
  return { payload: payload.toString() };
}

function digest(payload) {
  return { length: payload.length, sha256: createHash('sha256').update(payload).digest('hex') };
}

function open(session, method, fields = {}) {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/matrix.v1.Matrix/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...Object.fromEntries(extraMetadata()),
    ...fields,
  });
  const call = { stream, messages: new Messages(stream) };
  stream.setTimeout(CALL_MS, () => stream.close(http2.constants.NGHTTP2_CANCEL));
  stream.on('response', (initial) => { call.initial = initial; });
  stream.on('trailers', (trailing) => { call.trailing = trailing; });
  call.send = (request) => stream.write(Messages.encode(request));
  call.end = () => stream.end();
  call.status = async () => {
    await call.messages.end();
    const last = call.trailing ?? call.initial ?? {};
    const code = Number(last['grpc-status'] ?? 2);
    const message = code === 0 ? '' : decodeURIComponent(last['grpc-message'] ?? '');
    return { code, message, http: call.initial?.[':status'] };
  };
  return call;
}

async function main(names, address) {
  if (names === 'list') {
    console.log(JSON.stringify(Object.keys(scenarios)));
    return;
  }
  for (const name of names.split(',')) {
    const session = http2.connect(`http://${address}`);
    let failure;
    session.on('error', (error) => { failure = error; });
    let outcome;
    try {
      outcome = await scenarios[name](session);
    } catch (error) {
      outcome = { code: 2, message: `${error.code}: ${error.message}` };
    }
    if (failure) outcome.failure = String(failure);
    console.log(JSON.stringify({ scenario: name, ...outcome }));
    session.destroy();
  }
}

main(...process.argv.slice(2));
