// The last minutes: samples of the server, pictures after them, gaps, and what is forgotten.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { History, SAMPLES_MAX } from '../../../src/console/web/console/history.js';
import { bucketed, greatest, linePath, niceTop, recent } from '../../../src/console/web/console/series.js';
import { picture, server } from './support.mjs';

const at = (atMs, ...servers) => picture(servers, { atMs, totals: { messagesPerSecond: atMs } });

test('pictures go on where the remembered samples end, and none counts twice', () => {
  const history = new History();
  history.seed({
    atMs: [1_000, 2_000],
    servers: { 'chat-1': { load: [4, 5] } },
    types: {},
    totals: { messagesPerSecond: [1, 2] },
  });
  assert.equal(history.take(at(2_000, server('chat-1', { load: 9 }))), false);
  assert.equal(history.take(at(3_000, server('chat-1', { load: 6 }), server('chat-2', { load: 1 }))), true);
  assert.deepEqual(history.times, [1_000, 2_000, 3_000]);
  assert.deepEqual(history.server('chat-1').load, [4, 5, 6]);
  assert.deepEqual(history.server('chat-2').load, [null, null, 1]);
  assert.deepEqual(history.totals.messagesPerSecond, [1, 2, 3_000]);
  assert.deepEqual(history.server('nobody').load, []);
});

test('a server that came late has nothing before it', () => {
  const history = new History();
  history.seed({ atMs: [1, 2, 3], servers: { 'chat-1': { load: [7] } } });
  assert.deepEqual(history.server('chat-1').load, [null, null, 7]);
  assert.deepEqual(history.server('chat-1').p99Ms, [null, null, null]);
});

test('a server that is down and seconds that are missing are gaps', () => {
  const history = new History();
  history.take(at(1_000, server('chat-1', { load: 3 })));
  history.take(at(2_000, server('chat-1', { load: 3, state: 'killed' })));
  history.take(at(9_000, server('chat-1', { load: 2 })));
  assert.deepEqual(history.times, [1_000, 2_000, 3_000, 9_000]);
  assert.deepEqual(history.server('chat-1').load, [3, null, null, 2]);
});

test('five minutes are kept, and servers that are long gone are forgotten', () => {
  const history = new History();
  history.take(at(0, server('chat-old', { load: 1 })));
  for (let i = 1; i <= SAMPLES_MAX + 5; i += 1) history.take(at(i * 1_000, server('chat-1', { load: i })));
  assert.equal(history.times.length, SAMPLES_MAX);
  assert.equal(history.server('chat-1').load.length, SAMPLES_MAX);
  assert.deepEqual(history.server('chat-old').load, []);
});

test('buckets begin at multiples of their step and keep the greatest', () => {
  const points = bucketed([1_000, 2_000, 5_000, 6_000, 11_000], [1, 3, null, 2, null], 0, 20_000, 5_000);
  assert.deepEqual(points, [
    { at: 0, value: 3 },
    { at: 5_000, value: 2 },
    { at: 10_000, value: null },
  ]);
});

test('a line breaks where nothing is known', () => {
  const points = [0, 1, 2, 3].map((at) => ({ at, value: at === 1 ? null : at }));
  const path = linePath(points, { from: 0, until: 3, top: 3, width: 30, height: 10 });
  assert.equal(path, 'M0.0 10.0h.4M20.0 3.3h.4L30.0 0.0');
});

test('scales end at a round number that is no less than the greatest', () => {
  assert.deepEqual([0, 0.3, 1, 11, 45, 61, 99, 4_100].map(niceTop), [1, 0.3, 1, 20, 50, 80, 100, 5_000]);
  assert.equal(greatest([[1, null, 4], [2]]), 4);
  assert.equal(recent([9, null, 2, 4], 3), 3);
  assert.equal(recent([null], 3), null);
});
