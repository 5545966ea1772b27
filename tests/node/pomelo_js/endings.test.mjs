// How a connection ends, and what the application is told: once, and why.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { PACKAGE, encodePackage } from '../../../src/console/web/pomelo.js';
import { client, handshake, heard, heartbeat, json, kick, push, response, server } from './support.mjs';

/** A client that is connected to a server which then does `act`. */
async function connected(t, act, { sys, ...options } = {}) {
  const { url } = await server(t, async (peer) => {
    await peer.shakeHands(sys);
    act(peer);
  });
  const user = client(t, options);
  const log = [];
  user.addEventListener('kick', ({ reason }) => log.push(`kick ${reason}`));
  user.addEventListener('close', ({ error, kicked }) => log.push(`close ${error?.code} ${kicked}`));
  const closed = heard(user, 'close');
  await user.connect(url);
  return { user, log, closed };
}

test('a kick is told with its reason, then the end', async (t) => {
  const { user, log, closed } = await connected(t, (peer) => {
    peer.send(kick({ reason: 'by an <b>operator</b>' }), push('onChat', {}));
  });
  user.on('onChat', () => assert.fail('nothing comes after a kick'));
  const asked = user.request('a.b.c');
  await assert.rejects(asked, { code: 'kicked', message: 'by an <b>operator</b>' });
  await closed;
  assert.deepEqual(log, ['kick by an <b>operator</b>', 'close kicked by an <b>operator</b>']);
});

test('a kick counts whatever its body is', async (t) => {
  for (const body of [undefined, null, 7, { reason: {} }]) {
    const bytes = body === undefined ? new Uint8Array() : json(body);
    const { log, closed } = await connected(t, (peer) => peer.send(encodePackage(PACKAGE.KICK, bytes)));
    await closed;
    assert.deepEqual(log, ['kick no reason given', 'close kicked no reason given']);
  }
});

test('requests under way fail when the server closes, and later ones at once', async (t) => {
  const { user, log, closed } = await connected(t, async (peer) => {
    await peer.message();
    peer.socket.close();
  });
  await assert.rejects(user.request('a.b.c'), { code: 'closed' });
  await closed;
  assert.deepEqual([user.state, log], ['closed', ['close closed undefined']]);
  await assert.rejects(user.request('a.b.c'), { code: 'closed' });
  assert.throws(() => user.notify('a.b.c'), { code: 'closed' });
});

test('a server that goes away says why in its close frame', async (t) => {
  const { user, closed } = await connected(t, async (peer) => {
    await peer.message();
    peer.socket.close(1001, 'server restarts');
  });
  await assert.rejects(user.request('a.b.c'), { code: 'closed', message: 'server restarts' });
  assert.equal((await closed).error.message, 'server restarts');
});

test('closing is at once, and no error', async (t) => {
  const { user, log } = await connected(t, () => {});
  const asked = user.request('a.b.c');
  user.close();
  user.close();
  assert.deepEqual([user.state, log], ['closed', ['close undefined undefined']]);
  await assert.rejects(asked, { code: 'closed' });
});

test('a request that is not answered in time fails, and its late answer is no harm', async (t) => {
  const { user } = await connected(t, async (peer) => {
    const late = await peer.message();
    const { id } = await peer.message();
    peer.send(response(late.id, 'late'), response(id, 'in time'));
  });
  await assert.rejects(user.request('a.b.c', {}, { timeoutMs: 20 }), { code: 'timeout', message: /a\.b\.c within 20 ms/ });
  assert.equal(await user.request('a.b.c'), 'in time');
});

test('a server that falls silent is given up', async (t) => {
  const { log, closed } = await connected(t, (peer) => peer.send(heartbeat), { sys: { heartbeat: 0.02 } });
  await closed;
  assert.deepEqual(log, ['close timeout undefined']);
});

test('one that talks but does not beat is there still', async (t) => {
  let timer;
  const { user } = await connected(t, (peer) => {
    timer = setInterval(() => peer.send(push('onChat', {})), 50);
  }, { sys: { heartbeat: 0.75 } });
  t.after(() => clearInterval(timer));
  await new Promise((resolve) => {
    let pushes = 0;
    user.on('onChat', () => (pushes += 1) > 50 && resolve());
  });
  assert.equal(user.state, 'open');
});

test('bytes that are no Pomelo end the connection', async (t) => {
  const wrong = {
    'an unknown package': Buffer.from('09000000', 'hex'),
    'an acknowledgement': Buffer.from('02000000', 'hex'),
    'a second handshake': handshake({}),
    'a message of no kind': Buffer.from('0400000108', 'hex'),
    'a request': Buffer.from('0400000500010161' + '7b', 'hex'),
    'an empty message': Buffer.from('04000000', 'hex'),
    'a code without a dictionary': Buffer.from('04000003070001', 'hex'),
    'a package over the bound': Buffer.from('04ffffff', 'hex'),
    text: 'hello',
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    const { log, closed } = await connected(t, (peer) => peer.socket.send(bytes));
    await closed;
    assert.deepEqual(log, ['close protocol undefined'], what);
  }
});

test('a handshake that is refused, or is none, fails the connect without an event', async (t) => {
  const answers = {
    refused: encodePackage(PACKAGE.HANDSHAKE, json({ code: 501, message: 'too old' })),
    body: encodePackage(PACKAGE.HANDSHAKE, Buffer.from('{')),
    protocol: push('onChat', {}),
    kicked: kick({ reason: 'full' }),
  };
  for (const [code, bytes] of Object.entries(answers)) {
    const { url } = await server(t, (peer) => peer.send(bytes));
    const user = client(t);
    user.addEventListener('close', () => assert.fail('it was never open'));
    await assert.rejects(user.connect(url), { code }, code);
    assert.equal(user.state, 'closed');
  }
});

test('nobody there, somebody silent, and no address', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const url = `ws://127.0.0.1:${silent.address().port}`;
  await assert.rejects(client(t, { connectTimeoutMs: 50 }).connect(url), { code: 'connect', message: /within 50 ms/ });
  await new Promise((resolve) => silent.close(resolve));
  await assert.rejects(client(t).connect(url), { code: 'connect' });
  await assert.rejects(client(t).connect('no address'), { code: 'connect' });
  const waiting = client(t);
  const connecting = waiting.connect((await server(t, () => {})).url);
  waiting.close();
  await assert.rejects(connecting, { code: 'closed' });
});
