// The console's behaviour: stable focus, no needless work, the read-only page, the theme.

import { ConsolePage, press } from './support/console.js';
import { eventually, same } from './support/expect.js';

export const checks = {
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
    await seen.pictures(3);
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
    await press(page.getByRole('button', { name: 'Use it' }));
    await eventually('verbs are on', () => kill.isEnabled(), true);
    await seen.goTo('faults');
    await press(page.getByRole('button', { name: 'Lose 5 % everywhere' }));
    await eventually(
      'the token holds',
      () => seen.rows('#fault-rows'),
      (rows) => rows.length === 1,
    );
    await press(page.getByRole('button', { name: 'Heal all' }));
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

  'the page fits windows of every width': async (stage) => {
    const { page } = await ConsolePage.open(stage);
    for (const width of [320, 390, 640, 800, 1_000, 1_200, 1_300, 1_400, 1_920]) {
      await page.setViewportSize({ width, height: 800 });
      await stage.fitsItsWidth(page);
      const right = await page.locator('#theme').evaluate((button) => button.getBoundingClientRect().right);
      same(`the head at ${width}`, right <= width, true);
    }
  },
};
