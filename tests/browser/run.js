// Runs one script of this folder in Chromium: `node run.js SCRIPT`, and on standard input a line of JSON that says how.
//
// The line is { "chromium": its path, "url": of the console's server, "pictures": folder for screenshots, "args": whatever
// the script wants }. A script exports `checks`, an object of async functions by name; each gets a `Stage`. Out come lines
// of JSON: { "ask": … } for what only the test's other half can do, answered by a line in; and at the end { "results":
// [{ "check", "error"?, "pictures"? }] }.

import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { Lines } from './support/lines.js';
import { Stage } from './support/stage.js';

const lines = new Lines();
const { chromium: executablePath, url, pictures, args } = await lines.next();
const script = process.argv[2];
const { checks } = await import(`./${script}`);

/** A guard against hangs only: a failing check ends earlier. */
const CHECK_MS_MAX = 600_000;

const browser = await chromium.launch({
  executablePath,
  // Root may not use the sandbox; in a container there is little else.
  args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
});
const failure = `failed-${script.replace(/\W+/g, '-')}-`;
// Results of the last run are stale.
readdirSync(pictures).filter((name) => name.startsWith(failure)).forEach((name) => rmSync(path.join(pictures, name)));

const results = [];
for (const [check, play] of Object.entries(checks)) {
  const stage = new Stage({ browser, url, pictures, args, ask: (order) => lines.ask(order) });
  try {
    await Promise.race([play(stage), patience()]);
    stage.isQuiet();
    results.push({ check });
  } catch (error) {
    const name = failure + check.replace(/\W+/g, '-');
    results.push({ check, error: error.stack, pictures: await stage.pictures(name) });
  }
  await stage.close();
}
await browser.close();
lines.print({ results });
process.exit();

function patience() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`it is not over after ${CHECK_MS_MAX} ms`)), CHECK_MS_MAX).unref();
  });
}
