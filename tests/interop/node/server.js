// The @grpc/grpc-js server of the suite. Prints {"listening":PORT} once it accepts.
'use strict';

const grpc = require('@grpc/grpc-js');
const { load } = require('./services');

function addUser(call, callback) {
  const [trace] = call.metadata.get('trace-bin');
  const trailer = new grpc.Metadata();
  if (trace !== undefined) {
    const initial = new grpc.Metadata();
    initial.set('trace-bin', trace);
    call.sendMetadata(initial);
    trailer.set('trace-bin', trace);
  }
  const user = call.request.user;
  if (!user || user.name === '') {
    callback({ code: grpc.status.INVALID_ARGUMENT, details: 'a user needs a name — "name" is empty' });
    return;
  }
  callback(null, { user: { ...user, id: Buffer.byteLength(user.name) } }, trailer);
}

// A write that answers false waits for the drain, else a long stream piles up in memory.
async function getUsers(call) {
  for (let id = 1; id <= call.request.count; id += 1) {
    if (!call.write({ id, name: `user-${id}` })) {
      await new Promise((resume) => call.once('drain', resume));
    }
  }
  call.end();
}

function keyValue(name) {
  const values = new Map();
  return {
    set(call, callback) {
      const replaced = values.has(call.request.key);
      values.set(call.request.key, call.request.value);
      callback(null, { replaced });
    },
    get(call, callback) {
      const { key } = call.request;
      if (!values.has(key)) {
        callback({ code: grpc.status.NOT_FOUND, details: `${name} holds no ${key}` });
        return;
      }
      callback(null, { value: values.get(key), store: name });
    },
    delete(call, callback) {
      callback(null, { existed: values.delete(call.request.key) });
    },
  };
}

const { Users, KeyValue } = load();
const server = new grpc.Server();
server.addService(Users.service, { addUser, getUsers });
server.addService(KeyValue.service, keyValue(process.argv[2]));
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ listening: port }));
});
