// pomelo-jsclient-websocket, Pomelo's client for browsers, each in a page of its own.
'use strict';

const EventEmitter = require('events');
const fs = require('fs');
const vm = require('vm');
const WebSocket = require('ws');
const { PUSHES, after } = require('./common');

// `reconnect: true`: as its option of that name.
module.exports = (emit, { reconnect = false }) => {
  const pomelo = loadPage().pomelo;
  PUSHES.forEach((route) => pomelo.on(route, (body) => emit(route, body)));
  pomelo.on('onKick', (body) => emit('kick', body));
  pomelo.on('close', ({ code, reason }) => emit('close', reason ? { code, reason } : { code }));
  let again = false;
  pomelo.on('reconnect', () => (again = true));
  pomelo.on('heartbeat timeout', () => emit('heartbeat timeout'));

  return {
    open: (host, port) =>
      new Promise((resolve, reject) => {
        pomelo.once('error', (message) => reject(new Error(message)));
        pomelo.once('io-error', ({ message }) => reject(new Error(message)));
        pomelo.init({ host, port, reconnect }, () => {
          resolve();
          if (again) emit('reconnect', {});
        });
      }),
    request: (route, body) => new Promise((resolve) => pomelo.request(route, body, resolve)),
    notify: (route, body) => pomelo.notify(route, body),
    close: () => after(pomelo, 'close', () => pomelo.disconnect()),
  };
};

// What the client expects to find in its page, loaded as script tags would. Without `Buffer`, pomelo-protocol takes the
// branch that browsers take, with its own UTF-8.
function loadPage() {
  const silent = { log() {}, warn() {}, error() {} };
  const page = { EventEmitter, WebSocket, Uint8Array, setTimeout, clearTimeout, console: silent };
  page.window = page;
  page.module = { exports: {} };
  page.localStorage = new Storage();
  // The browser's build of pomelo-protobuf lacks the `decodeStr` that this version of the client calls.
  page.protobuf = require('pomelo-protobuf');
  vm.createContext(page);
  for (const script of ['pomelo-protocol/lib/protocol.js', 'pomelo-jsclient-websocket/lib/pomelo-client.js']) {
    vm.runInContext(fs.readFileSync(require.resolve(script), 'utf8'), page, { filename: script });
  }
  return page;
}

// The client keeps the protobuf definitions here, and then tells the server which version it has.
class Storage {
  items = new Map();
  getItem(key) {
    return this.items.get(key) || null;
  }
  setItem(key, value) {
    this.items.set(key, value);
  }
}
