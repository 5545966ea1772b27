// What pomelo 2.2.7 and its clients said on the wire (`tests/data`), read and written again.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { MESSAGE, PACKAGE, PackageReader, Schema, decodeMessage, encodeMessage, encodePackage } from '../../../src/console/web/pomelo.js';
import { Codec } from '../../../src/console/web/pomelo/codec.js';
import { hex, unhex } from './support.mjs';

const scenarios = JSON.parse(readFileSync(new URL('../../data/transcripts.json', import.meta.url)));
const parse = (bytes) => JSON.parse(Buffer.from(bytes));

/** The packages of one direction, connection by connection. */
function* connections(direction) {
  for (const { name, rule, steps } of scenarios) {
    if (rule !== 'match' && direction === 'send') continue;
    const byConnection = new Map();
    for (const [, connection, what, bytes] of steps) {
      if (what !== direction) continue;
      byConnection.set(connection, [...(byConnection.get(connection) ?? []), unhex(bytes)]);
    }
    for (const [connection, packages] of byConnection) yield { name: `${name} ${connection}`, packages };
  }
}

test('every package and message of the servers is read, and written as it was', () => {
  let messages = 0;
  for (const { name, packages } of connections('recv')) {
    const reader = new PackageReader();
    const read = packages.flatMap((bytes) => [...reader.read(bytes)]);
    assert.deepEqual(read.map(({ type, body }) => hex(encodePackage(type, body))), packages.map(hex), name);
    for (const { body } of read.filter(({ type }) => type === PACKAGE.DATA)) {
      assert.equal(hex(encodeMessage(decodeMessage(body))), hex(body), name);
      messages += 1;
    }
  }
  assert.ok(messages > 300, `${messages} messages`);
});

test('the bodies of the servers are read: JSON, compressed routes, protobuf', () => {
  const kinds = { json: 0, code: 0, proto: 0 };
  for (const { name, packages } of connections('recv')) {
    let codec;
    for (const { type, body } of packages.flatMap((bytes) => [...new PackageReader().read(bytes)])) {
      if (type === PACKAGE.HANDSHAKE) {
        const { useDict, dict, useProto, protos } = Object(parse(body).sys);
        // A client that has them already gets none, and no recorded one of those hears a push.
        codec = new Codec({ dict: useDict && dict, protos: useProto && protos });
      }
      const message = type === PACKAGE.DATA && decodeMessage(body);
      // The original sends nothing at all when a required field is missing.
      if (message.kind !== MESSAGE.PUSH || message.body.length === 0) continue;
      const read = codec.body(codec.route(message.route), message.body);
      assert.equal(typeof read, 'object', name);
      kinds.code += Number(typeof message.route === 'number');
      kinds[message.body[0] === '{'.charCodeAt(0) ? 'json' : 'proto'] += 1;
    }
  }
  assert.ok(kinds.json > 100 && kinds.code > 4 && kinds.proto > 2, JSON.stringify(kinds));
});

test('requests and notifies are written as the recorded clients wrote them', () => {
  let compared = 0;
  for (const { name, packages } of connections('send')) {
    for (const bytes of packages) {
      let message;
      try {
        const [{ type, body }] = [...new PackageReader().read(bytes)];
        if (type !== PACKAGE.DATA) continue;
        message = decodeMessage(body);
      } catch {
        continue; // Recorded because it is wrong.
      }
      // Bits without a meaning, and ids with more bytes than they need, are not written by anybody who means it.
      const isPlain = bytes[4] < 8 && !/gzip|flag|padded/.test(name);
      if (!isPlain) continue;
      assert.equal(hex(encodePackage(PACKAGE.DATA, encodeMessage(message))), hex(bytes), name);
      compared += 1;
    }
  }
  assert.ok(compared > 80, `${compared} messages`);
});

test('protobuf bodies are written and read as the recordings have them', () => {
  const field = (tag) => ({ option: 'required', type: 'string', tag });
  const schema = new Schema({
    'chat.chatHandler.send': { rid: field(1), content: field(2), from: field(3), target: field(4) },
    onAdd: { user: field(1), __messages: {}, __tags: { 1: 'user' } },
  });
  const send = { rid: 'pr', content: 'hi', from: 'alice', target: '*' };
  assert.equal(hex(schema.encode('chat.chatHandler.send', send)), '0a02707212026869' + '1a05616c69636522012a');
  assert.deepEqual(schema.decode('onAdd', unhex('0a06e9b28de58b83')), { user: '鲍勃' });
});
