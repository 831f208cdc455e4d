// The generated-at-load services of ../proto.
'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

function load() {
  const folder = path.join(__dirname, '..', 'proto');
  const definition = loader.loadSync(['users.proto', 'kv.proto', 'matrix.proto'], { includeDirs: [folder], longs: Number, defaults: true });
  const root = grpc.loadPackageDefinition(definition);
  return { Users: root.users.v1.Users, KeyValue: root.kv.v1.KeyValue, Matrix: root.matrix.v1.Matrix };
}

module.exports = { load };
