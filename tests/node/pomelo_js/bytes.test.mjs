// Packages and messages by hand, and streams cut anywhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MESSAGE, PACKAGE, PackageReader, decodeMessage, encodeMessage, encodePackage } from '../../../src/console/web/pomelo.js';
import { hex, json, unhex } from './support.mjs';

const notify = { kind: MESSAGE.NOTIFY, route: 'a.b.c', body: json({}) };

test('packages are found however the stream is cut', () => {
  const packages = [
    encodePackage(PACKAGE.HEARTBEAT),
    encodePackage(PACKAGE.DATA, encodeMessage(notify)),
    encodePackage(PACKAGE.HANDSHAKE_ACK),
    encodePackage(PACKAGE.KICK, json({ reason: 'x'.repeat(300) })),
  ];
  const stream = Buffer.concat(packages);
  for (let size = 1; size <= stream.length; size += 1) {
    const reader = new PackageReader();
    const found = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const { type, body } of reader.read(new Uint8Array(stream.subarray(at, at + size)))) {
        found.push(hex(encodePackage(type, body)));
      }
    }
    assert.deepEqual(found, packages.map(hex), `in pieces of ${size}`);
  }
});

test('a length over the bound is refused when it is announced, and one at the bound is taken', () => {
  const reader = new PackageReader(5);
  assert.deepEqual([...reader.read(unhex('0400000531323334'))], []);
  assert.equal([...reader.read(unhex('35'))].length, 1);
  assert.throws(() => [...reader.read(unhex('04000006'))], { code: 'protocol', message: /at most 5 bytes, got 6/ });
});

test('unknown types of packages are refused', () => {
  for (const type of ['00', '06', 'ff']) {
    assert.throws(() => [...new PackageReader().read(unhex(`${type}000000`))], { code: 'protocol' }, type);
  }
});

test('ids are written and read up to 2^53 - 1, and no further', () => {
  const ids = [0, 1, 127, 128, 16383, 16384, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 35 + 7, Number.MAX_SAFE_INTEGER];
  for (const id of ids) {
    const bytes = encodeMessage({ ...notify, kind: MESSAGE.REQUEST, id });
    assert.equal(decodeMessage(bytes).id, id);
  }
  for (const id of [-1, 0.5, 2 ** 53, NaN, undefined]) {
    assert.throws(() => encodeMessage({ ...notify, kind: MESSAGE.REQUEST, id }), { code: 'body' }, String(id));
  }
  for (const bytes of ['04ffffffffffffff1f', '0480808080808080808001', '04ffffffff']) {
    assert.throws(() => decodeMessage(unhex(bytes)), { code: 'protocol' }, bytes);
  }
});

test('what a message promises and does not hold is refused', () => {
  for (const bytes of ['', '00', '0001', '02', '0205616263', '03', '0300', '0680', '06ff', '08', '0e']) {
    assert.throws(() => decodeMessage(unhex(bytes)), { code: 'protocol' }, bytes);
  }
});

test('a route is at most 255 bytes of UTF-8, a package at most 2^24 - 1', () => {
  assert.throws(() => encodeMessage({ ...notify, route: 'é'.repeat(128) }), { code: 'body' });
  assert.equal(decodeMessage(encodeMessage({ ...notify, route: 'é'.repeat(127) })).route, 'é'.repeat(127));
  assert.throws(() => encodePackage(PACKAGE.DATA, new Uint8Array(2 ** 24)), { code: 'body' });
});
