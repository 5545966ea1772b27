// A client beside a server that the test writes: what each sends, and what the application gets.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MESSAGE, PACKAGE } from '../../../src/console/web/pomelo.js';
import { client, heard, heartbeat, push, response, server } from './support.mjs';

test('requests are answered by id, in any order, and notifies carry none', async (t) => {
  const hands = withResolvers();
  const { url } = await server(t, async (peer) => {
    hands.resolve(await peer.shakeHands());
    const [first, second, third] = [await peer.message(), await peer.message(), await peer.message()];
    assert.deepEqual([first.kind, first.id, first.route, first.body], [MESSAGE.REQUEST, 1, 'a.b.one', {}]);
    assert.deepEqual([second.id, second.body], [2, { n: 2 }]);
    assert.deepEqual([third.kind, third.id, third.route], [MESSAGE.NOTIFY, undefined, 'a.b.three']);
    peer.send(response(2, { code: 500 }), response(1, 'one'));
  });
  const user = client(t, { user: { name: 'alice' } });
  assert.equal(user.state, 'closed');
  const reply = await user.connect(url);
  assert.deepEqual([user.state, reply], ['open', { code: 200, sys: {} }]);
  assert.deepEqual((await hands.promise).user, { name: 'alice' });
  const answers = [user.request('a.b.one'), user.request('a.b.two', { n: 2 })];
  user.notify('a.b.three', { n: 3 });
  assert.deepEqual(await Promise.all(answers), ['one', { code: 500 }]);
});

test('pushes go to the handlers of their route, while they are there', async (t) => {
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands();
    for (;;) {
      const { id, body } = await peer.message();
      peer.send(push('onChat', body), push('close', body), response(id, {}));
    }
  });
  const user = client(t);
  const got = [];
  const stop = user.on('onChat', ({ n }) => got.push(`first ${n}`));
  user.on('onChat', ({ n }) => got.push(`second ${n}`));
  // A push of the same name as an event is no event.
  user.addEventListener('close', () => got.push('closed'));
  await user.connect(url);
  await user.request('a.b.c', { n: 1 });
  stop();
  await user.request('a.b.c', { n: 2 });
  assert.deepEqual(got, ['first 1', 'second 1', 'second 2']);
});

test('packages are handled when they come in one frame, or in pieces', async (t) => {
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands();
    const { id } = await peer.message();
    const bytes = Buffer.concat([push('onChat', { n: 1 }), push('onChat', { n: 2 }), response(id, {})]);
    bytes.forEach((byte) => peer.send(Buffer.of(byte)));
  });
  const user = client(t);
  const got = [];
  user.on('onChat', ({ n }) => got.push(n));
  await user.connect(url);
  await user.request('a.b.c');
  assert.deepEqual(got, [1, 2]);
});

test('dictionary and protobuf are used as the handshake offers them', async (t) => {
  const field = { option: 'required', type: 'string', tag: 1 };
  const sys = {
    useDict: true,
    dict: { 'a.b.c': 1, onAdd: 2 },
    useProto: true,
    protos: { client: { 'a.b.c': { text: field } }, server: { onAdd: { user: field }, 'a.b.c': { text: field } } },
  };
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands(sys);
    const { body } = await peer.next();
    assert.equal(Buffer.from(body).toString('hex'), '010100010a02c3a9');
    peer.send(Buffer.from('04000009' + '070002' + '0a04f09f9880', 'hex'), Buffer.from('04000005' + '0401' + '0a0178', 'hex'));
  });
  const user = client(t);
  const added = new Promise((resolve) => user.on('onAdd', resolve));
  await user.connect(url);
  assert.deepEqual(await user.request('a.b.c', { text: 'é' }), { text: 'x' });
  assert.deepEqual(await added, { user: '😀' });
  await assert.rejects(user.request('a.b.c', { text: 7 }), { code: 'body', message: /a\.b\.c\.text/ });
});

test('each heartbeat of the server is answered an interval later', async (t) => {
  const beats = withResolvers();
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands({ heartbeat: 0.02 });
    for (let count = 0; count < 3; count += 1) {
      peer.send(heartbeat);
      assert.equal((await peer.next()).type, PACKAGE.HEARTBEAT);
    }
    beats.resolve();
  });
  const user = client(t);
  await user.connect(url);
  await beats.promise;
  assert.equal(user.state, 'open');
});

test('a handler that throws disturbs nobody, and is reported', async (t) => {
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands();
    const { id } = await peer.message();
    peer.send(push('onChat', {}), response(id, {}));
  });
  const user = client(t);
  const got = [];
  // Browsers have it, Node.js does not.
  const reported = new Promise((resolve) => (globalThis.reportError = resolve));
  t.after(() => delete globalThis.reportError);
  user.on('onChat', () => {
    throw new Error('of the handler');
  });
  user.on('onChat', () => got.push('the other'));
  await user.connect(url);
  await user.request('a.b.c');
  assert.deepEqual(got, ['the other']);
  assert.equal((await reported).message, 'of the handler');
});

test('a push that cannot be read is an event, and what follows is heard', async (t) => {
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands();
    const { id } = await peer.message();
    // What the original sends when a required field is missing: nothing at all.
    peer.send(Buffer.from('04000003' + '060178', 'hex'), response(id, {}));
  });
  const user = client(t);
  user.on('x', () => assert.fail('it has no body'));
  const error = heard(user, 'error');
  await user.connect(url);
  await user.request('a.b.c');
  assert.equal((await error).error.code, 'body');
});

test('the same client connects again after an end, with its handlers', async (t) => {
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands();
    const { id } = await peer.message();
    peer.send(push('onChat', {}), response(id, {}));
  });
  const user = client(t);
  let pushes = 0;
  user.on('onChat', () => (pushes += 1));
  for (let round = 1; round <= 3; round += 1) {
    await user.connect(url);
    await assert.rejects(user.connect(url), { code: 'connect' });
    await user.request('a.b.c');
    user.close();
    assert.deepEqual([user.state, pushes], ['closed', round]);
  }
});

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
