// Waits before coming back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoff } from '../../../src/console/web/pomelo.js';

const first = (count, waits) => Array.from({ length: count }, () => waits.next().value);

test('waits double up to the longest', () => {
  const waits = backoff({ firstMs: 500, maxMs: 3_000, jitter: 0 });
  assert.deepEqual(first(5, waits), [500, 1_000, 2_000, 3_000, 3_000]);
});

test('chance takes off at most its share', () => {
  assert.deepEqual(first(2, backoff({ firstMs: 100, jitter: 0.5, random: () => 1 })), [50, 100]);
  for (const wait of first(1_000, backoff({ firstMs: 1, maxMs: 1_000, jitter: 0.3 }))) {
    assert.ok(wait >= 0 && wait <= 1_000);
  }
});
