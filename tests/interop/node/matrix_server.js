// The matrix service on @grpc/grpc-js. Prints {"listening":PORT} once it accepts; ends on SIGTERM.
'use strict';

const { setTimeout: after } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const { load } = require('./services');

const MESSAGE_BYTES = (4 << 20) + 1024;

async function unary(call, callback) {
  const { payload, status, message, waitMilliseconds } = call.request;
  await after(waitMilliseconds);
  if (status !== 0) {
    callback({ code: status, details: message });
    return;
  }
  const trailer = new grpc.Metadata();
  const [trace] = call.metadata.get('trace-bin');
  if (trace !== undefined) {
    const initial = new grpc.Metadata();
    initial.set('trace-bin', trace);
    call.sendMetadata(initial);
    trailer.set('trace-bin', trace);
  }
  callback(null, { payload }, trailer);
}

async function serverStream(call) {
  const { payload, count, waitMilliseconds } = call.request;
  for (let number = 0; number < count && !call.cancelled; number += 1) {
    if (number > 0) await after(waitMilliseconds);
    if (!call.write({ payload, number })) {
      await new Promise((resume) => call.once('drain', resume).once('cancelled', resume));
    }
  }
  call.end();
}

function clientStream(call, callback) {
  const payloads = [];
  call.on('data', ({ payload }) => payloads.push(payload));
  call.on('end', () => callback(null, { payload: Buffer.concat(payloads), number: payloads.length }));
}

function bidiStream(call) {
  let number = 0;
  call.on('data', ({ payload }) => {
    call.write({ payload, number });
    number += 1;
  });
  call.on('end', () => call.end());
}

const server = new grpc.Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES });
server.addService(load().Matrix.service, { unary, serverStream, clientStream, bidiStream });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ listening: port }));
});
process.on('SIGTERM', () => process.exit(0));
