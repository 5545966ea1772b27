// Pictures of the console with a crowd on it, after a server was killed and came back; and axe's
// findings with everything open.

import path from 'node:path';

import { ConsolePage, press } from './support/console.js';
import { eventually, same } from './support/expect.js';

const CROWD = { users: 120, rooms: 14, messagesPerSecond: 240, seconds: 600 };
const FAR = { name: 'far', from: 'connector-server-3', to: 'chat', both: true, latency: '5ms..9ms' };
const README = { width: 1280, height: 800 };

/** Other views of the page. */
const OTHERS = {
  'console-dark': { colorScheme: 'dark' },
  'console-phone': { viewport: { width: 320, height: 700 }, hasTouch: true },
};

/** Duration of each phase in the README's picture, in milliseconds: curves need time to show. */
const ACT_MS = 12_000;

export const checks = {
  'with a crowd, wide, dark and on a phone': async (stage) => {
    const wide = await ConsolePage.open(stage);
    const pause = () => (stage.args.readme ? wide.page.waitForTimeout(ACT_MS) : wide.pictures(2));
    same('robots', await wide.order('PUT', 'robots', CROWD), 200);
    const sessions = () => wide.text('[data-total="sessions"]');
    await eventually('all are in', sessions, (text) => Number(text) >= CROWD.users);
    await pause();
    same('kill', await wide.order('POST', 'servers/chat-server-2/kill'), 200);
    await wide.shows('chat-server-2', 'killed');
    await pause();
    same('restart', await wide.order('POST', 'servers/chat-server-2/restart'), 200);
    await wide.shows('chat-server-2', 'running');
    await pause();
    same('link', await wide.order('POST', 'links', FAR), 200);
    await wide.warns('3 links slow.');
    await pause();

    if (stage.args.readme) {
      const shown = await ConsolePage.open(stage, { viewport: README });
      await shown.pictures(3);
      await stage.picture(shown.page, path.join(stage.args.readme, 'console'));
    }
    await whole(stage, wide.page, 'console');
    for (const [name, options] of Object.entries(OTHERS)) {
      const { page } = await ConsolePage.open(stage, options);
      await whole(stage, page, name);
      await page.close();
    }
  },

  // The crowd is still connected.
  'everybody can use what is open': async (stage) => {
    for (const options of [{}, ...Object.values(OTHERS)]) {
      const { page } = await ConsolePage.open(stage, options);
      await page.locator('#map .card.server').first().click();
      await press(page.locator('summary', { hasText: 'Add a server' }));
      await page.locator('#explain-uid').fill('ann');
      await page.locator('#explain-rid').fill('lobby');
      await press(page.getByRole('button', { name: 'Explain' }));
      await page.locator('.way').waitFor();
      await stage.isAccessible(page);
      await stage.fitsItsWidth(page);
      await press(page.locator('#servers-rows').getByRole('button', { name: 'kill chat-server-2' }));
      await page.locator('#confirm-moves-rows tr').first().waitFor({ state: 'attached' });
      await stage.isAccessible(page);
      await page.close();
    }
  },
};

/** A picture of the whole page, in a window as high as it is: what is out of view is not drawn. */
async function whole(stage, page, name) {
  const size = page.viewportSize();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: size.width, height });
  await new ConsolePage(page).pictures(2);
  await stage.picture(page, name);
  await page.setViewportSize(size);
}
