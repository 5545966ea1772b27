// pomelo-protocol and pomelo-protobuf behind standard input and output: one JSON request a line, one JSON answer a line.
'use strict';

// Both packages print complaints; standard output is for answers.
console.log = console.error;
console.warn = () => {};

const { Package, Message } = require('pomelo-protocol');
const protobuf = require('pomelo-protobuf');

const bytes = (hex) => Buffer.from(hex, 'hex');
const hex = (buffer) => Buffer.from(buffer || []).toString('hex');

const operations = {
  // A message in a data package.
  encode: ({ kind, id, compressed, route, body, gzip }) =>
    hex(Package.encode(Package.TYPE_DATA, Message.encode(id, kind, compressed, route, bytes(body), gzip))),

  decode: ({ hex: text }) => {
    const { type, body } = Package.decode(bytes(text));
    const message = Message.decode(body);
    return {
      type,
      kind: message.type,
      id: message.id,
      compressed: message.compressRoute,
      route: message.route,
      body: hex(message.body),
    };
  },

  packageEncode: ({ type, body }) => hex(Package.encode(type, bytes(body))),

  packageDecode: ({ hex: text }) => {
    const { type, body } = Package.decode(bytes(text));
    return { type, body: hex(body) };
  },

  protoInit: ({ definitions }) => {
    const protos = protobuf.parse(definitions);
    protobuf.init({ encoderProtos: protos, decoderProtos: protos });
    return JSON.stringify(protos);
  },

  protoEncode: ({ route, body }) => {
    const encoded = protobuf.encode(route, body);
    if (!encoded) throw new Error('the body was refused');
    return hex(encoded);
  },

  protoDecode: ({ route, hex: text }) => protobuf.decode(route, bytes(text)),
};

// Not `readline`: it also cuts at U+2028, which a JSON string may hold.
let pending = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  const lines = (pending + chunk).split('\n');
  pending = lines.pop();
  process.stdout.write(lines.map((line) => JSON.stringify(answer(JSON.parse(line))) + '\n').join(''));
});

function answer(request) {
  try {
    return { ok: operations[request.op](request) };
  } catch (error) {
    return { error: error.message };
  }
}
