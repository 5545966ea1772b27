// A client over raw TCP, on pomelo-protocol.
'use strict';

const net = require('net');
const { Message, Package } = require('pomelo-protocol');
const protobuf = require('pomelo-protobuf');
const { after } = require('./common');

const HEADER_BYTES = 4;

// `beats: false`: never sends a heartbeat.
module.exports = (emit, { beats = true }) => {
  let socket;
  let sys = {};
  let requests = new Map();
  let lastId = 0;
  let shakenHands;

  const send = (type, body) => socket.write(Package.encode(type, body));

  const sendMessage = (id, route, body) => {
    const kind = id ? Message.TYPE_REQUEST : Message.TYPE_NOTIFY;
    const code = sys.dict && sys.dict[route];
    const proto = sys.protos && sys.protos.client[route];
    const bytes = proto ? protobuf.encode(route, body) : Buffer.from(JSON.stringify(body));
    send(Package.TYPE_DATA, Message.encode(id, kind, code ? 1 : 0, code || route, bytes));
  };

  const receive = {
    [Package.TYPE_HANDSHAKE]: (body) => {
      const answer = JSON.parse(body);
      sys = answer.sys || {};
      if (sys.protos) protobuf.init({ encoderProtos: sys.protos.client, decoderProtos: sys.protos.server });
      if (answer.code === 200) send(Package.TYPE_HANDSHAKE_ACK);
      shakenHands(answer);
    },
    [Package.TYPE_HEARTBEAT]: () => {
      const opened = socket;
      if (beats) setTimeout(() => opened === socket && send(Package.TYPE_HEARTBEAT), sys.heartbeat * 1000);
    },
    [Package.TYPE_DATA]: (bytes) => {
      const message = Message.decode(bytes);
      const { route: known, resolve } = requests.get(message.id) || {};
      requests.delete(message.id);
      const route = message.compressRoute ? sys.codeToRoute[message.route] : message.route || known;
      const proto = sys.protos && sys.protos.server[route];
      const body = proto ? protobuf.decode(route, message.body) : JSON.parse(message.body);
      if (message.type === Message.TYPE_PUSH) emit(route, body);
      else resolve(body);
    },
    [Package.TYPE_KICK]: (body) => emit('kick', JSON.parse(body)),
  };

  return {
    open: (host, port) =>
      new Promise((resolve, reject) => {
        shakenHands = ({ code }) => (code === 200 ? resolve(sys) : reject(new Error(`handshake: ${code}`)));
        requests = new Map();
        socket = net.connect(port, host, () => {
          send(Package.TYPE_HANDSHAKE, Buffer.from(JSON.stringify({ sys: { type: 'test', version: '1' } })));
        });
        // A small package waits for nothing.
        socket.setNoDelay();
        socket.on('data', splitter((type, body) => receive[type](body)));
        socket.on('error', reject);
        socket.on('close', () => emit('close', {}));
      }),
    request: (route, body) =>
      new Promise((resolve) => {
        lastId += 1;
        requests.set(lastId, { route, resolve });
        sendMessage(lastId, route, body);
      }),
    notify: (route, body) => sendMessage(0, route, body),
    close: () => after(socket, 'close', () => socket.end()),
  };
};

// A function that takes a stream in pieces, and hands on each whole package.
function splitter(take) {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= HEADER_BYTES && held.length >= HEADER_BYTES + held.readUIntBE(1, 3)) {
      const end = HEADER_BYTES + held.readUIntBE(1, 3);
      const { type, body } = Package.decode(held.subarray(0, end));
      held = held.subarray(end);
      take(type, body);
    }
  };
}
