// Our own module for browsers, src/console/web/pomelo.js, on npm `ws`.
'use strict';

const WebSocket = require('ws');
const { PUSHES } = require('./common');

const loaded = import('../../../src/console/web/pomelo.js');

module.exports = (emit) => {
  let client;
  return {
    open: async (host, port) => {
      const { Client } = await loaded;
      client = new Client({ WebSocket });
      PUSHES.forEach((route) => client.on(route, (body) => emit(route, body)));
      client.addEventListener('kick', ({ reason }) => emit('kick', { reason }));
      client.addEventListener('close', ({ error }) => emit('close', error ? { error: error.message } : {}));
      await client.connect(`ws://${host}:${port}`);
    },
    request: (route, body) => client.request(route, body),
    notify: (route, body) => client.notify(route, body),
    close: async () => client.close(),
  };
};
