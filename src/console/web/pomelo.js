// A client of NetEase Pomelo's protocol for browsers, and for Node.js 20 and later: one ES module, no dependency.
//
//   import { Client } from './pomelo.js';
//
//   const gate = new Client();
//   await gate.connect('ws://127.0.0.1:3014');
//   const { host, port } = await gate.request('gate.gateHandler.queryEntry', { uid: 'alice' });
//   gate.close();
//
//   const client = new Client();
//   client.on('onChat', ({ from, msg }) => console.log(`${from}: ${msg}`));
//   client.addEventListener('kick', ({ reason }) => console.log(`kicked: ${reason}`));
//   client.addEventListener('close', ({ error }) => console.log(error?.message ?? 'closed'));
//   await client.connect(`ws://${host}:${port}`);
//   console.log(await client.request('connector.entryHandler.enter', { username: 'alice', rid: 'lobby' }));
//   await client.request('chat.chatHandler.send', { content: 'hello', target: '*' });
//
// `pomelo/client.js` says what each method does, and what its errors are. Handshake, heartbeats,
// route dictionary and protobuf follow the server's offer. Everything that a server sends is
// checked: a bad server can end its connection, but nothing else.
//
// To use the client elsewhere, copy this file and the folder `pomelo/`.

export { Client } from './pomelo/client.js';
export { PomeloError } from './pomelo/errors.js';
export { backoff } from './pomelo/backoff.js';
export { PACKAGE, PackageReader, encodePackage } from './pomelo/package.js';
export { MESSAGE, decodeMessage, encodeMessage } from './pomelo/message.js';
export { Schema } from './pomelo/protobuf.js';
