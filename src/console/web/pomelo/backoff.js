// How long to wait before each try to come back.

/**
 * Waits that grow, and differ between clients, so that those that lost one server together do not come back together.
 *
 *   const waits = backoff();
 *   while (!(await connected())) await sleep(waits.next().value);
 *
 * @param {object} [options]
 * @param {number} [options.firstMs=500] about the first wait
 * @param {number} [options.maxMs=15000] no wait is longer
 * @param {number} [options.factor=2] from one to the next
 * @param {number} [options.jitter=0.3] the share of a wait that chance may take off
 * @param {() => number} [options.random] from 0 to 1
 * @returns {Generator<number, never>} milliseconds, without end
 */
export function* backoff({ firstMs = 500, maxMs = 15_000, factor = 2, jitter = 0.3, random = Math.random } = {}) {
  for (let wait = firstMs; ; wait = Math.min(wait * factor, maxMs)) {
    yield Math.round(Math.min(wait, maxMs) * (1 - jitter * random()));
  }
}
