// All tests of what the console page computes: node runs them as this is loaded, and ends with 1 when one fails.

import { readdirSync } from 'node:fs';

for (const name of readdirSync(new URL('.', import.meta.url))) {
  if (name.endsWith('.test.mjs')) await import(`./${name}`);
}
