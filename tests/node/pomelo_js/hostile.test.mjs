// Bytes of a stranger: every one of them gives a value or a `PomeloError`, soon, and takes no memory that did not arrive.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PackageReader, PomeloError, Schema, decodeMessage } from '../../../src/console/web/pomelo.js';
import { Codec } from '../../../src/console/web/pomelo/codec.js';
import { chance, unhex } from './support.mjs';

const random = chance(7);
const below = (bound) => Math.floor(random() * bound);
const noise = (bound) => Uint8Array.from({ length: below(bound) }, () => (random() < 0.4 ? below(8) : below(256)));

/** Runs it, and lets only errors of this module pass. */
function endure(act) {
  try {
    return act();
  } catch (error) {
    assert.ok(error instanceof PomeloError, error.stack);
    return undefined;
  }
}

test('noise as stream and as message', () => {
  for (let count = 0; count < 20_000; count += 1) {
    const bytes = noise(64);
    endure(() => [...new PackageReader(1000).read(bytes)]);
    endure(() => decodeMessage(bytes));
  }
});

test('noise as protobuf', () => {
  const schema = new Schema({
    r: {
      a: { option: 'optional', type: 'uInt32', tag: 1 },
      b: { option: 'repeated', type: 'double', tag: 2 },
      c: { option: 'repeated', type: 'r2', tag: 3 },
      d: { option: 'optional', type: 'string', tag: 4 },
      __proto__: null,
      __messages: { r2: { self: { option: 'optional', type: 'r2', tag: 1 }, t: { option: 'repeated', type: 'string', tag: 2 } } },
    },
  });
  for (let count = 0; count < 20_000; count += 1) endure(() => schema.decode('r', noise(64)));
});

test('messages in messages without end are refused, written and read', () => {
  const schema = new Schema({ r: { r: { option: 'optional', type: 'm', tag: 1 } }, 'message m': { r: { option: 'optional', type: 'm', tag: 1 } } });
  let deep = {};
  for (let level = 0; level < 10_000; level += 1) deep = { r: deep };
  assert.throws(() => schema.encode('r', deep), { code: 'body', message: /32/ });
  let bytes = [];
  for (let level = 0; level < 40; level += 1) bytes = [10, bytes.length, ...bytes];
  assert.throws(() => schema.decode('r', Uint8Array.from(bytes)), { code: 'body', message: /32/ });
  let definition = {};
  for (let level = 0; level < 10_000; level += 1) definition = { __messages: { m: definition } };
  assert.throws(() => new Schema({ r: definition }), { code: 'protocol' });
});

test('a count or a length that is not there is not waited for', () => {
  const schema = new Schema({ r: { n: { option: 'repeated', type: 'uInt32', tag: 1 }, s: { option: 'optional', type: 'string', tag: 2 } } });
  assert.throws(() => schema.decode('r', unhex('08ffffffffffff07')), { code: 'protocol' });
  assert.throws(() => schema.decode('r', unhex('12ffffffffffff0741')), { code: 'protocol' });
});

test('a megabyte of repeated fields is read in one go', () => {
  const schema = new Schema({ r: { s: { option: 'repeated', type: 'string', tag: 1 } } });
  const bytes = new Uint8Array(1 << 20).map((_, index) => (index % 2 === 0 ? 10 : 0));
  assert.equal(schema.decode('r', bytes).s.length, 1 << 19);
});

test('names of Object.prototype are names like others', () => {
  const string = (tag) => ({ option: 'optional', type: 'string', tag });
  const schema = new Schema(JSON.parse(`{"__proto__":{"__proto__":${JSON.stringify(string(1))}}}`));
  assert.equal(schema.has('toString'), false);
  const body = schema.decode('__proto__', unhex('0a0178'));
  assert.deepEqual(Object.entries(body), [['__proto__', 'x']]);
  assert.equal(Object.getPrototypeOf(body), Object.prototype);
  const codec = new Codec({ dict: JSON.parse('{"__proto__":7,"constructor":8}') });
  assert.deepEqual([codec.route(7), codec.route(8)], ['__proto__', 'constructor']);
  assert.throws(() => codec.route(9), { code: 'protocol' });
  assert.throws(() => schema.encode('__proto__', { toString: 1, constructor: 'x', valueOf: {} }.x), { code: 'body' });
});

test('handshakes that make no sense are refused', () => {
  const offers = [
    { useDict: true }, { useProto: true }, { dict: { a: -1 } }, { dict: { a: '1' } }, { dict: { a: 65536 } },
    { protos: { server: 7 } }, { protos: { server: { r: null } } }, { protos: { server: { r: { f: null } } } },
    { protos: { client: { r: { f: { option: 'required', type: 'string', tag: 0 } } } } },
    { protos: { client: { r: { f: { option: 'maybe', type: 'string', tag: 1 } } } } },
    { protos: { client: { r: { __messages: 3 } } } },
  ];
  for (const sys of offers) assert.throws(() => new Codec(sys), { code: 'protocol' }, JSON.stringify(sys));
});
