// The same input to Pomelo's own packages of npm: the same bytes and values come out.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MESSAGE, Schema, decodeMessage, encodeMessage, encodePackage, PackageReader } from '../../../src/console/web/pomelo.js';
import { chance, hex, require } from './support.mjs';

const { Message, Package } = require('pomelo-protocol');
const protobuf = require('pomelo-protobuf');

const SEED = Number(process.env.POMELO_JS_SEED ?? 20130319);
const random = chance(SEED);
const below = (bound) => Math.floor(random() * bound);
const some = (bound, make) => Array.from({ length: below(bound) }, make);
const pick = (values) => values[below(values.length)];

// No character above U+FFFF: the original writes CESU-8.
const text = (bound) => some(bound, () => pick(['a', 'Z', '.', '0', 'é', '张', '\u0000', '"', '\u2028', '\ufeff'])).join('');
const bytes = (bound) => Uint8Array.from(some(bound, () => below(256)));

test(`messages and packages are those of pomelo-protocol (POMELO_JS_SEED=${SEED})`, () => {
  for (let count = 0; count < 5_000; count += 1) {
    const kind = below(4);
    const message = { kind, body: bytes(60) };
    if (kind === MESSAGE.REQUEST || kind === MESSAGE.RESPONSE) message.id = below(2 ** below(32)) || 1;
    if (kind !== MESSAGE.RESPONSE) message.route = random() < 0.3 ? below(0x10000) : `${text(30)}.${text(30)}`;
    const isCode = typeof message.route === 'number';
    const theirs = Message.encode(message.id ?? 0, kind, isCode ? 1 : 0, message.route ?? '', Buffer.from(message.body));
    const ours = encodeMessage(message);
    assert.equal(hex(ours), hex(theirs));

    const read = decodeMessage(theirs);
    const original = Message.decode(Buffer.from(ours));
    assert.deepEqual(
      [read.kind, read.id ?? 0, read.route ?? null, hex(read.body)],
      [original.type, original.id, kind === MESSAGE.RESPONSE ? null : original.route, hex(original.body)],
    );

    const type = 1 + below(5);
    const wrapped = encodePackage(type, ours);
    assert.equal(hex(wrapped), hex(Package.encode(type, Buffer.from(ours))));
    assert.deepEqual([...new PackageReader().read(wrapped)].map((one) => hex(one.body)), [hex(ours)]);
  }
});

const DEFINITIONS = {
  'message Point': { 'required sInt32 x': 1, 'optional int32 y': 2, 'optional Point next': 300 },
  all: {
    'message Inner': { 'required string name': 1, 'repeated uInt32 sizes': 2, 'optional Point at': 3 },
    'optional uInt32 u': 1,
    'optional sInt32 s': 2,
    'optional int32 i': 3,
    'optional double d': 4,
    'optional float f': 5,
    'optional string t': 6,
    'optional Inner inner': 7,
    'repeated string texts': 8,
    'repeated Inner inners': 9,
    'repeated double doubles': 20,
    'repeated sInt32 ints': 2000,
  },
};

const signed = () => below(2 ** below(31)) * pick([1, -1]);
const point = () => ({ x: signed(), y: signed(), ...(random() < 0.3 && { next: point() }) });
const inner = () => ({ name: text(9), sizes: some(4, () => below(1e6)), ...(random() < 0.5 && { at: point() }) });
const makers = {
  u: () => below(2 ** below(32)),
  s: signed,
  i: signed,
  d: () => random() * 1e9,
  f: () => Math.fround(random()),
  t: () => text(20),
  inner,
  texts: () => some(5, () => text(5)),
  inners: () => some(3, inner),
  doubles: () => some(5, random),
  ints: () => some(5, signed),
};

test('protobuf bodies are those of pomelo-protobuf', () => {
  const parsed = protobuf.parse(DEFINITIONS);
  protobuf.init({ encoderProtos: parsed, decoderProtos: parsed });
  const schema = new Schema(JSON.parse(JSON.stringify(parsed)));
  for (let count = 0; count < 2_000; count += 1) {
    const chosen = Object.entries(makers).filter(() => random() < 0.4);
    const body = Object.fromEntries(chosen.map(([name, make]) => [name, make()]));
    const ours = schema.encode('all', body);
    // Theirs gives null for what has no bytes.
    assert.equal(hex(ours), hex(protobuf.encode('all', body) ?? []), JSON.stringify(body));
    assert.deepEqual(schema.decode('all', ours), plain(protobuf.decode('all', Buffer.from(ours))), JSON.stringify(body));
  }
});

// Theirs have prototypes of another kind.
const plain = (value) => JSON.parse(JSON.stringify(value));
