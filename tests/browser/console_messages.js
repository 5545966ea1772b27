// The console's message panels: robots, the trace, the request form, explain; and names that look
// like HTML.

import { ConsolePage, People, press } from './support/console.js';
import { eventually, same } from './support/expect.js';

const USER = '<img src=x onerror=alert(1)>';
const ROOM = '"><script>alert(2)</script>';

export const checks = {
  'robots run, rates rise, and all arrives': async (stage) => {
    const seen = await ConsolePage.open(stage);
    await seen.goTo('load');
    await seen.page.locator('#robots-users').fill('400');
    await seen.says('output[for="robots-users"]', /^\d+ users$/);
    await press(seen.page.getByRole('button', { name: 'Start robots' }));
    await seen.says('#robots-state', /users in .* planned/);
    // Logins are messages too: only the API knows how many the robots have sent.
    await eventually('robots talk', async () => (await seen.api('robots')).sends, (sends) => sends > 100);
    await eventually(
      'messages in the head',
      () => seen.text('[data-total="messages"]'),
      (text) => Number(text.replace(/[,k]/g, '')) > 20,
    );
    await eventually(
      'a curve',
      () => seen.page.locator('#robots-sent path.line').getAttribute('d'),
      (path) => path.includes('L'),
    );
    await seen.goTo('topology');
    await eventually(
      'the hottest server is marked',
      () => seen.page.locator('#map .card[data-hot] .hot').allTextContents(),
      (words) => words.length > 0 && words.every((word) => word === 'hottest'),
    );
    await seen.says('#answer-hot', /Hottest chat: chat-server-\d with .* × the mean/);
    await seen.goTo('load');
    await press(seen.page.locator('#robots-stop'));
    await seen.says(
      '#robots-report',
      /every message reached everybody once, in one order; 0 lost, 0 doubled, 0 out of order/,
    );
    await seen.says('#robots-state', 'No robots run.');
  },

  'a trace shows the way of a message': async (stage) => {
    const people = await People.enter(stage, [
      ['tess', 'tracks'],
      ['tom', 'tracks'],
    ]);
    const seen = await ConsolePage.open(stage);
    await seen.goTo('trace');
    await seen.says('#trace-state', 'off');
    await seen.page.locator('#trace-rid').fill('tracks');
    await press(seen.page.getByRole('button', { name: 'Trace on' }));
    await seen.says('#trace-state', /^on for .*: rid tracks$/);
    await people.say('tess', 'which way?');
    const row = seen.page.locator('#trace-rows details').filter({ hasText: 'chat.chatHandler.send' });
    await eventually('a row', () => row.count(), 1);
    await press(row.locator('summary'));
    const steps = await eventually(
      'its steps',
      () => row.locator('li').allTextContents(),
      (steps) => steps.some((step) => step.includes('answered')),
    );
    for (const wanted of [
      /a client's request chat\.chatHandler\.send/,
      /to chat-server-\d for the key tracks/,
      /handled/,
      /pushes onChat/,
      /gives it to/,
      /which way\?/,
    ]) {
      same(
        `a step like ${wanted}`,
        steps.some((step) => wanted.test(step)),
        true,
      );
    }
    await press(seen.page.getByRole('button', { name: 'Trace off' }));
    await seen.says('#trace-state', 'off');
    await people.leave();
  },

  'the request form logs in, asks, notifies, and hears pushes': async (stage) => {
    const seen = await ConsolePage.open(stage);
    await press(seen.page.getByRole('button', { name: 'Log in' }));
    await seen.says('#login-state', /^operator in lobby, on /);
    await press(seen.page.getByRole('button', { name: 'Send' }));
    await seen.says('#request-log', /onChat[^]*"msg": "hello"[^]*"from": "operator"/);
    await seen.page.getByLabel('kind').selectOption('notify');
    await seen.page.getByLabel('body, as JSON').fill('{"content": "quietly", "target": "*"}');
    await press(seen.page.getByRole('button', { name: 'Send' }));
    await seen.says('#request-log', /"msg": "quietly"/);
    await seen.page.getByLabel('body, as JSON').fill('{');
    await press(seen.page.getByRole('button', { name: 'Send' }));
    await seen.says('#request-output', /no JSON/);
    await press(seen.page.getByRole('button', { name: 'Log out' }));
    await seen.says('#login-state', 'logged out');
  },

  'explain says where a user and a room go, and where they are': async (stage) => {
    const people = await People.enter(stage, [['eve', 'cellar']]);
    const seen = await ConsolePage.open(stage);
    const { server } = await seen.findRoom('cellar');
    await press(seen.page.locator('#rooms-rows').getByRole('button', { name: /^why there/ }));
    await seen.says('#explain-result', new RegExp(`cellar is on ${server} with 1 member, as the strategy says`));
    await seen.page.locator('#explain-uid').fill('eve');
    await press(seen.page.getByRole('button', { name: 'Explain' }));
    await seen.says('#explain-result', /eve is logged in on connector-server-\d/);
    same(
      'a row a type',
      (await seen.rows('#explain-result tbody')).map(([type]) => type),
      ['connector', 'chat'],
    );
    await people.leave();
  },

  'names that would be HTML stay text, and their owners are kicked': async (stage) => {
    const people = await People.enter(stage, [[USER, ROOM]]);
    const seen = await ConsolePage.open(stage);
    await seen.findRoom(ROOM);
    await press(seen.page.getByRole('button', { name: `members of ${ROOM}` }));
    const dialog = seen.page.getByRole('dialog', { name: ROOM });
    await eventually(
      'the member',
      () => dialog.locator('tbody th').allTextContents(),
      (names) => names.length === 1 && names[0].startsWith(USER),
    );
    await press(dialog.getByRole('button', { name: 'Close' }));
    await press(seen.page.locator('#rooms-rows').getByRole('button', { name: /^why there/ }));
    await seen.says('#explain-result', /<script>.* is on chat-server-\d with 1 member/);
    await seen.goTo('trace');
    await seen.page.locator('#trace-uid').fill(USER);
    await press(seen.page.getByRole('button', { name: 'Trace on' }));
    await seen.says('#trace-state', /onerror/);
    await people.say(USER, '<b onclick=alert(3)>');
    await eventually(
      'a row of the trace',
      () => seen.page.locator('#trace-rows details').count(),
      (count) => count > 0,
    );
    await press(seen.page.getByRole('button', { name: 'Trace off' }));

    await seen.goTo('people');
    await seen.page.locator('#users-search').fill('onerror');
    await eventually('the user', () => seen.page.locator('#users-rows tr').count(), 1);
    await press(seen.page.locator('#users-rows').getByRole('button', { name: /^kick/ }));
    await seen.page.locator('#kick-reason').fill('<i>enough</i>');
    await press(seen.page.getByRole('dialog').getByRole('button', { name: 'Kick' }));
    await eventually('the client hears why', () => people.kicked(USER), '<i>enough</i>');
    await eventually('the user is gone', () => seen.page.locator('#users-rows tr').count(), 0);
    await seen.goTo('timeline');
    await eventually(
      'the timeline',
      () => seen.rows('#timeline-rows'),
      (rows) => rows.some(([, kind, , text]) => kind === 'kick' && text.includes(USER)),
    );
    same(
      'no element came of them',
      await seen.page.locator('body img, main script, #timeline i, #trace b[onclick], body [onerror]').count(),
      0,
    );
    await people.leave();
  },
};
