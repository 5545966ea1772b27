// pomelo-nodejsclient-websocket, Pomelo's client for Node.js.
'use strict';

const { Package } = require('pomelo-protocol');
const Pomelo = require('pomelo-nodejsclient-websocket');
const { PUSHES, after } = require('./common');

const silent = { debug() {}, info() {}, warn() {}, error: console.error, trace() {} };

module.exports = (emit) => {
  const pomelo = new Pomelo({ logger: silent });
  PUSHES.forEach((route) => pomelo.on(route, (body) => emit(route, body)));
  // It tells its listeners of a kick but not the reason, so that is taken where the package arrives.
  pomelo.handlers[Package.TYPE_KICK] = (body) => emit('kick', JSON.parse(body));
  pomelo.on('close', ({ code, reason }) => emit('close', reason ? { code, reason } : { code }));
  pomelo.on('heartbeat timeout', () => emit('heartbeat timeout'));

  return {
    open: (host, port) =>
      new Promise((resolve, reject) => {
        pomelo.once('error', (message) => reject(new Error(message)));
        pomelo.once('io-error', ({ message }) => reject(new Error(message)));
        pomelo.init({ host, port }, () => resolve());
      }),
    request: (route, body) =>
      new Promise((resolve) => pomelo.request(route, body, (error, answer) => resolve(answer))),
    notify: (route, body) => pomelo.notify(route, body),
    close: () => after(pomelo, 'close', () => pomelo.disconnect()),
  };
};
