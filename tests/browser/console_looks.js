// How the console looks and feels: contrast and names in both themes, a phone's width, focus that stays, work that is not done.

import { ConsolePage } from './support/console.js';
import { eventually, same } from './support/expect.js';

/** The crowd that is seen in the pictures. */
const CROWD = { users: 120, rooms: 14, messagesPerSecond: 240, seconds: 600 };

export const checks = {
  'pictures with load on it, without violations, wide and narrow': async (stage) => {
    const wide = await ConsolePage.open(stage);
    const token = await wide.token();
    const call = (method, path, body) =>
      wide.page.evaluate(
        ([method, path, body, token]) =>
          fetch(`/api/v1/${path}`, {
            method,
            body: body && JSON.stringify(body),
            headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          }).then((answer) => answer.status),
        [method, path, body, token],
      );
    same('robots', await call('PUT', 'robots', CROWD), 200);
    await eventually(
      'all are in',
      () => wide.text('[data-total="sessions"]'),
      (text) => Number(text) >= CROWD.users,
    );
    same('kill', await call('POST', 'servers/chat-server-2/kill'), 200);
    await wide.shows('chat-server-2', 'killed');
    same('restart', await call('POST', 'servers/chat-server-2/restart'), 200);
    await wide.shows('chat-server-2', 'running');
    same(
      'link',
      await call('POST', 'links', {
        name: 'far',
        from: 'connector-server-3',
        to: 'chat',
        both: true,
        latency: '5ms..9ms',
      }),
      200,
    );
    await wide.warns('3 links slow.');
    await wide.page.waitForTimeout(8_000);
    await whole(stage, wide.page, 'console');

    const dark = await ConsolePage.open(stage, { colorScheme: 'dark' });
    await whole(stage, dark.page, 'console-dark');
    const phone = await ConsolePage.open(stage, { viewport: { width: 320, height: 700 }, hasTouch: true });
    await whole(stage, phone.page, 'console-phone');
    for (const { page } of [wide, dark, phone]) {
      await page.locator('#map .card.server').first().click();
      await page.getByText('Add a server').click();
      await page.locator('#explain-uid').fill('ann');
      await page.locator('#explain-rid').fill('lobby');
      await page.getByRole('button', { name: 'Explain' }).click();
      await page.locator('.way').waitFor();
      await stage.isAccessible(page);
      await stage.fitsItsWidth(page);
    }
    await wide.page.locator('#servers-rows').getByRole('button', { name: 'kill chat-server-1' }).click();
    await wide.page.locator('#confirm-moves-rows tr').first().waitFor({ state: 'attached' });
    await stage.isAccessible(wide.page);
    same('heal', await call('DELETE', 'links'), 200);
    same('robots stop', await call('DELETE', 'robots'), 200);
  },

  'numbers change, nodes and focus and scrolling stay': async (stage) => {
    const seen = await ConsolePage.open(stage);
    const { page } = seen;
    await page.locator('#servers-rows').getByRole('button', { name: 'restart chat-server-3' }).focus();
    await page.evaluate(() => {
      globalThis.made = 0;
      globalThis.scrolled = scrollY;
      new MutationObserver((records) => {
        const added = records.flatMap(({ addedNodes }) => [...addedNodes]);
        globalThis.made += added.filter(({ nodeType }) => nodeType === Node.ELEMENT_NODE).length;
      }).observe(document.querySelector('main'), { childList: true, subtree: true });
    });
    const before = (await seen.api('picture')).atMs;
    await eventually(
      'three pictures later',
      async () => (await seen.api('picture')).atMs,
      (atMs) => atMs > before + 3_000,
    );
    same('elements that were made', await page.evaluate(() => globalThis.made), 0);
    same(
      'the focus',
      await page.evaluate(() => document.activeElement.getAttribute('aria-label')),
      'restart chat-server-3',
    );
    same('the scrolling', await page.evaluate(() => scrollY === globalThis.scrolled), true);
  },

  'a hidden tab has no stream, and catches up when it is seen again': async (stage) => {
    const seen = await ConsolePage.open(stage);
    const see = (hidden) =>
      seen.page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await see(true);
    await seen.says('#stream', 'paused');
    await see(false);
    await seen.says('#stream', 'live');
  },

  'without a token the page looks only, until one is pasted': async (stage) => {
    const { page } = await ConsolePage.open(stage);
    const token = await new ConsolePage(page).token();
    await page.route('**/console', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(/(name="pomelo-token" content=")[^"]*/, '$1');
      await route.fulfill({ response: answer, body });
    });
    await page.goto(new URL('/console', stage.url).href);
    const seen = new ConsolePage(page);
    await seen.says('#stream', 'live');
    const kill = page.locator('#servers-rows').getByRole('button', { name: 'kill chat-server-1' });
    await eventually('verbs are off', () => kill.isDisabled().catch(() => false), true);
    same('forms too', await page.locator('#robots-start').isDisabled(), true);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Use it' }).click();
    await eventually('verbs are on', () => kill.isEnabled(), true);
    await seen.goTo('faults');
    await page.getByRole('button', { name: 'Lose 5 % everywhere' }).click();
    await eventually(
      'the token holds',
      () => seen.rows('#fault-rows'),
      (rows) => rows.length === 1,
    );
    await page.getByRole('button', { name: 'Heal all' }).click();
    await eventually('healed', () => seen.rows('#fault-rows'), []);
  },

  'the theme is chosen and kept': async (stage) => {
    const seen = await ConsolePage.open(stage);
    await seen.page.locator('#theme').click();
    await seen.page.locator('#theme').click();
    same('dark', await seen.page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await seen.page.reload();
    await seen.says('#theme', 'Theme: dark');
  },
};

/** A picture of the whole page: each section is brought into view first, since what is not seen is not drawn. */
async function whole(stage, page, name) {
  const size = page.viewportSize();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: size.width, height: Math.min(height, 9_000) });
  await page.waitForTimeout(1_500);
  await stage.picture(page, name);
  await page.setViewportSize(size);
}
