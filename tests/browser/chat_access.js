// Accessibility: keyboard, phone, light and dark themes, screen readers.

import { eventually, same } from './support/expect.js';
import { User } from './support/user.js';

const focused = (page) => page.evaluate(() => {
  const { activeElement: at } = document;
  return at.getAttribute('aria-label') ?? (at.name || at.textContent.trim());
});

export const checks = {
  'a demo is one click away': async (stage) => {
    const page = await stage.page();
    await page.getByRole('link', { name: 'three users at once' }).click();
    for (const index of [0, 1, 2]) await new User(page, index).is('connected');
    await new User(page, 2).say('here we are');
    await new User(page, 0).hears('carol: here we are');
    await page.goBack();
    await new User(page).is('not connected');
    same('panes', await page.locator('.pane').count(), 1);
  },

  'by keyboard alone': async (stage) => {
    const page = await stage.page();
    const { keyboard } = page;
    const tabTo = async (...stops) => {
      for (const stop of stops) {
        await keyboard.press('Tab');
        same('the focus', (await focused(page)).replace(/[\u2068\u2069]/g, ''), stop);
      }
    };
    same('the focus at first', await focused(page), 'name');
    await keyboard.type('kim');
    await tabTo('room');
    await keyboard.type('keys');
    await keyboard.press('Enter');
    const kim = new User(page);
    await kim.is('connected');
    await eventually('the focus inside', () => focused(page), 'Message to all in \u2068keys\u2069');
    await keyboard.type('no mouse');
    await keyboard.press('Enter');
    await kim.hears('kim: no mouse');
    same('the focus stays', await focused(page), 'Message to all in \u2068keys\u2069');

    const lee = new User(await stage.page('/#lee@keys'));
    await kim.sees('kim (you)', 'lee');
    // The tab order follows the visual order.
    await page.evaluate(() => {
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute('tabindex');
    });
    await tabTo('Add another user', 'Console', 'Leave: kim in keys', 'lee');
    await keyboard.press('Enter');
    await eventually('the focus', () => focused(page), 'Message to \u2068lee\u2069 alone');
    await keyboard.type('hush');
    await keyboard.press('Enter');
    await lee.hears('!kim privately: hush');
    await keyboard.press('Escape');
    same('to all again', await focused(page), 'Message to all in \u2068keys\u2069');
    await keyboard.press('Shift+Tab');
    same('the log can be scrolled', await page.evaluate(() => document.activeElement.getAttribute('role')), 'log');
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    same('the focus is seen', ring, 'solid');

    await page.locator('#add').focus();
    await keyboard.press('Enter');
    same('the focus in the new pane', await focused(page), 'name');
    await page.getByRole('button', { name: 'Close: New user' }).focus();
    await keyboard.press('Enter');
    same('the focus after it', await focused(page), 'Add another user');
  },

  'what happens is read aloud': async (stage) => {
    const user = new User(await stage.page('/#max@aloud'));
    await user.is('connected');
    const log = user.pane.getByRole('log', { name: /What is said/ });
    same('the log', [await log.count(), await user.pane.getByRole('status').textContent()], [1, 'connected']);
    same('regions by name', await user.page.getByRole('region', { name: /max.* in .*aloud/ }).count(), 1);
  },

  'phones': async (stage) => {
    for (const width of [320, 390]) {
      const page = await stage.page('/', { viewport: { width, height: 700 }, hasTouch: true, isMobile: true });
      await stage.fitsItsWidth(page);
      const user = new User(page);
      await (await user.enter(`a rather long name ${width}`, `a room of quite some length, ${width} px`)).is('connected');
      await user.say('word '.repeat(60) + 'x'.repeat(300));
      await stage.fitsItsWidth(page);
      // Everything needed is visible without scrolling.
      const send = await user.pane.getByRole('button', { name: 'Send' }).boundingBox();
      same('the button is in sight', send.y + send.height <= 700 && send.x + send.width <= width, true);
      await page.getByRole('button', { name: 'Add another user' }).click();
      await new User(page, 1).enter('second', 'phone');
      await new User(page, 1).is('connected');
      await stage.fitsItsWidth(page);
      await page.close();
    }
  },

  'light and dark, with nothing that axe finds': async (stage) => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await stage.page('/', { colorScheme, reducedMotion: 'reduce' });
      await stage.isAccessible(page);
      await page.goto(`${stage.url}#pia${colorScheme}@axe,quin${colorScheme}@axe`);
      await page.reload();
      const [pia, quin] = [new User(page, 0), new User(page, 1)];
      await pia.is('connected');
      await quin.is('connected');
      await pia.say('hello');
      await quin.sayTo(`pia${colorScheme}`, 'hush');
      await pia.hears(`!quin${colorScheme} privately: hush`);
      await pia.pane.getByRole('button', { name: `quin${colorScheme}` }).click();
      await page.getByRole('button', { name: 'Add another user' }).click();
      await new User(page, 2).enter('a*b', 'axe');
      await eventually('refused', () => new User(page, 2).state(), 'refused');
      await stage.isAccessible(page);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const isDark = Number(/\d+/.exec(ground)[0]) < 100;
      same(`the ground in ${colorScheme}`, isDark, colorScheme === 'dark');
      await page.evaluate((theme) => (document.documentElement.dataset.theme = theme), colorScheme === 'dark' ? 'light' : 'dark');
      await stage.isAccessible(page);
      same('the override', await page.evaluate(() => getComputedStyle(document.body).backgroundColor) !== ground, true);
    }
  },
};
