// Waits for expected values.

import { isDeepStrictEqual, inspect } from 'node:util';

/** Only a failing check waits that long. */
export const PATIENCE_MS = 60_000;

/**
 * Polls until the value is as expected.
 * @param {string} what for the error
 * @param {() => Promise<any>} probe
 * @param {any} expected a value, or a function that says whether it is right
 */
export async function eventually(what, probe, expected) {
  const isRight = typeof expected === 'function' ? expected : (got) => isDeepStrictEqual(got, expected);
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const got = await probe();
    if (isRight(got)) return got;
    if (Date.now() > end) throw new Error(`${what}: expected ${inspect(expected)}, got ${inspect(got, { depth: 9 })}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The same without waiting. */
export function same(what, got, expected) {
  if (!isDeepStrictEqual(got, expected)) throw new Error(`${what}: expected ${inspect(expected)}, got ${inspect(got)}`);
}
