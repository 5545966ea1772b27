// Numbers, times and amounts as texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  bytes,
  clock,
  count,
  duration,
  ms,
  percentiles,
  plural,
  rate,
  ratio,
  sentence,
} from '../../../src/console/web/console/format.js';

test('what is not known is a dash, never NaN or null', () => {
  for (const text of [count, rate, ms, bytes, duration, ratio]) assert.equal(text(null), '–');
  assert.equal(rate(undefined), '–');
});

test('rates are short at every size', () => {
  assert.deepEqual([0, 0.04, 3.44, 9.97, 120.4, 9_999, 12_345, 250_000].map(rate), [
    '0',
    '0.0',
    '3.4',
    '10',
    '120',
    '9,999',
    '12.3k',
    '250k',
  ]);
});

test('milliseconds keep two figures below ten, and become seconds', () => {
  assert.deepEqual([0.423, 8.12, 12.4, 999, 3_200].map(ms), ['0.42 ms', '8.1 ms', '12 ms', '999 ms', '3.2 s']);
});

test('two percentiles share their unit where it is the same', () => {
  assert.deepEqual(
    [percentiles(0.42, 8.1), percentiles(0.42, 1_200), percentiles(null, null)],
    ['0.42 / 8.1 ms', '0.42 ms / 1.2 s', '–'],
  );
});

test('memory has units of 1024', () => {
  assert.deepEqual([0, 812, 1_536, 3 << 20].map(bytes), ['0', '812 B', '1.5 KiB', '3.0 MiB']);
});

test('times have two units', () => {
  assert.deepEqual([8.7, 130, 3_840, 266_400].map(duration), ['8 s', '2 min 10 s', '1 h 4 min', '3 d 2 h']);
});

test('words agree with their number', () => {
  assert.equal(plural(1, 'room'), '1 room');
  assert.equal(plural(1_200, 'room'), '1,200 rooms');
  assert.equal(sentence(['a', 'b', 'c']), 'a, b and c');
  assert.match(clock(1_700_000_000_123.4, true), /^\d\d:\d\d:\d\d\.123$/);
});
