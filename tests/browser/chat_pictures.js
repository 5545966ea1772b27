// Pictures of a small lively conversation: side by side, alone, on a phone, in light and dark.

import path from 'node:path';

import { User } from './support/user.js';

const WIDE = { width: 1160, height: 480 };
const PHONE = { width: 390, height: 760 };

/** Three users in one room, in the panes of one page, with a conversation. Each has a different connector. */
async function converse(page, room) {
  const [ann, bob, erin] = [0, 1, 2].map((index) => new User(page, index));
  await ann.enter('ann', room);
  for (const [user, name] of [[bob, 'bob'], [erin, 'erin']]) {
    await page.getByRole('button', { name: 'Add another user' }).click();
    await (await user.enter(name, room)).is('connected');
    await ann.hears(`${name} came in`);
  }
  const talk = [
    [ann, 'Good morning! Who is in?'],
    [bob, 'Three panes, three connectors, one room.'],
    [erin, 'Shall we stop its chat server?'],
    [ann, 'Go on, the room moves.'],
    [ann, 'With everybody in it.'],
  ];
  for (const [user, text] of talk) {
    await user.say(text);
    for (const other of [ann, bob, erin]) await other.hears(`${await nameOf(user)}: ${text}`);
  }
  await bob.sayTo('ann', 'You talk, I watch.');
  await ann.hears('!bob privately: You talk, I watch.');
  await ann.pane.getByRole('button', { name: 'bob' }).click();
  await ann.input.fill('Deal.');
  await erin.input.focus();
  await page.mouse.move(0, 0);
  // The servers are polled now and then; by now they are known.
  for (const user of [ann, bob, erin]) {
    await user.pane.locator('[data-part="chat"]:not(:text("unknown"))').waitFor();
  }
  return [ann, bob, erin];
}

const nameOf = async (user) => (await user.title()).split(' in ')[0];

export const checks = {
  'in a wide window, light and dark': async (stage) => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await stage.page('/', { viewport: WIDE, colorScheme, locale: 'en-GB' });
      await converse(page, 'lobby');
      const name = colorScheme === 'light' ? 'chat' : 'chat-dark';
      await stage.picture(page, name);
      if (stage.args.readme && colorScheme === 'light') await stage.picture(page, path.join(stage.args.readme, name));
      await page.close();
    }
  },

  'alone, where there is room beside the log': async (stage) => {
    const others = await stage.page('/#alice@lobby,bob@lobby,dave@lobby', { locale: 'en-GB' });
    const page = await stage.page('/', { viewport: WIDE, locale: 'en-GB' });
    await stage.picture(page, 'chat-form');
    const carol = new User(page);
    await (await carol.enter('carol', 'lobby')).is('connected');
    await new User(others).say('Welcome, carol.');
    await new User(others, 1).sayTo('carol', 'Sit with us.');
    await carol.hears('!bob privately: Sit with us.');
    await carol.say('Thank you!');
    await carol.hears('carol: Thank you!');
    await stage.picture(page, 'chat-alone');
  },

  'on a phone': async (stage) => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await stage.page('/', { viewport: PHONE, colorScheme, isMobile: true, hasTouch: true, locale: 'en-GB' });
      const users = await converse(page, `phone ${colorScheme}`);
      await users[0].input.focus();
      await stage.picture(page, `chat-phone-${colorScheme}`);
      await page.close();
    }
  },

  'refused, lost and kicked': async (stage) => {
    const page = await stage.page('/#erin@lobby9', { viewport: WIDE, locale: 'en-GB', expected: /WebSocket connection to/ });
    const erin = new User(page);
    await erin.is('connected');
    await page.getByRole('button', { name: 'Add another user' }).click();
    await new User(page, 1).enter('erin', 'lobby9');
    await new User(page, 1).is('refused');
    await page.getByRole('button', { name: 'Add another user' }).click();
    await (await new User(page, 2).enter('frank', 'lobby9')).is('connected');
    await stage.ask({ run: ['kick', 'frank*lobby9', '--reason', 'Please come back tomorrow'] });
    await new User(page, 2).is('kicked');
    const connector = await erin.pane.locator('[data-part="connector"]:not(:text("unknown"))').textContent();
    for (const server of ['gate-server-1', connector]) await stage.ask({ run: ['stop', server] });
    await erin.pane.locator('.notice').waitFor();
    await stage.picture(page, 'chat-states');
    for (const server of ['gate-server-1', connector]) await stage.ask({ run: ['restart', server] });
  },
};
