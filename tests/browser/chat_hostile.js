// Hostile names, rooms and messages.

import { eventually, same } from './support/expect.js';
import { User } from './support/user.js';

const NAMES = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  '</bdi></h2><h1>owned',
  "'-alert(3)-'",
  '{{7+7}}${7+7}<%= 7 %>',
  '🦊🏽‍🚀𝕏',
  'שלום عالم',
  'W'.repeat(64),
  '__proto__',
  'a,b@c%2C#d&e=f',
];
/** Names that turn or hide text: the server refuses them, and messages may still contain them. */
const REFUSED = ['\u202eevil\u2066', '\u2069\u202etxet sdrawkcab', '\u2028\u2029\u200b\ufeff', '\u2067\u202e\u2069\u2069abc'];
const MESSAGES = [
  ...NAMES,
  ...REFUSED,
  '<svg onload=alert(4)><style>*{display:none}</style><iframe src="javascript:alert(5)">',
  'W'.repeat(9_000),
  '\u0007\u0000\u001b[31m',
  '💥'.repeat(500),
  `${'\u0301'.repeat(300)} zalgo`,
  'javascript:alert(6) http://127.0.0.1/',
];

/** What is in the page besides text: tags with how many there are. Lines and names are counted away. */
const skeleton = (page) => page.evaluate(() => {
  const count = {};
  document.querySelectorAll('*').forEach(({ tagName }) => (count[tagName] = (count[tagName] ?? 0) + 1));
  return { tags: Object.keys(count).sort(), scripts: count.SCRIPT, styles: count.STYLE ?? 0, titles: document.querySelectorAll('h1').length };
});

export const checks = {
  'names and rooms stay text': async (stage) => {
    const page = await stage.page();
    const user = new User(page);
    await user.enter('plain', 'plain');
    await user.is('connected');
    const before = await skeleton(page);
    for (const [index, name] of NAMES.entries()) {
      const room = NAMES[(index + 1) % NAMES.length];
      await user.pane.getByRole('button', { name: /^Leave/ }).click();
      await (await user.enter(name, room)).is('connected');
      same('the title', await user.title(), `${name} in ${room}`);
      await user.sees(`${name} (you)`);
      await user.hears(`you are in ${room}`);
      same('the page is made of the same', await skeleton(page), before);
      await stage.fitsItsWidth(page);
      // The address restores the same user.
      const twin = await stage.page(`/${new URL(page.url()).hash}`);
      const error = twin.locator('.login .error:not([hidden])');
      await eventually('the twin', () => error.textContent(), `${name}*${room} is logged in already`);
      same('its form', await twin.getByLabel('Name').inputValue(), name);
      await twin.close();
    }
  },

  'names of others and messages stay text': async (stage) => {
    const page = await stage.page('/#reader@den');
    const reader = new User(page);
    await reader.is('connected');
    const writers = await stage.page();
    const writer = new User(writers);
    await writer.enter('plain', 'den');
    await reader.hears('plain came in');
    await reader.sayTo('plain', 'whisper');
    await writer.sayTo('reader', 'whisper');
    await reader.hears('!plain privately: whisper');
    const before = await skeleton(page);
    for (const name of NAMES) {
      await writer.pane.getByRole('button', { name: /^Leave/ }).click();
      await writer.enter(name, 'den');
      await reader.hears(`${name} came in`);
      await reader.sees('reader (you)', name);
      await writer.say(name);
      await reader.hears(`${name}: ${name}`);
      // The button starts a private message, whatever the name.
      await reader.pane.locator('.people button').click();
      same('whom it goes to', await reader.pane.locator('.to bdi').textContent(), name);
      await reader.say('for you');
      await reader.hears(`!reader privately to ${name}: for you`);
      await writer.hears('!reader privately: for you');
    }
    for (const message of MESSAGES) {
      // Sent by a raw client: a single-line field would drop parts of it.
      await writers.evaluate(async (content) => {
        const { Client } = await import('/assets/pomelo.js');
        const { findGate } = await import('/assets/chat/where.js');
        const gate = new Client();
        await gate.connect(await findGate());
        const { host, port } = await gate.request('gate.gateHandler.queryEntry', { uid: 'raw' });
        gate.close();
        const client = new Client();
        await client.connect(`ws://${host}:${port}`);
        await client.request('connector.entryHandler.enter', { username: 'raw', rid: 'den' });
        await client.request('chat.chatHandler.send', { content, target: '*' });
        client.close();
      }, message);
      await reader.hears('raw came in', `raw: ${message}`, 'raw left');
      await stage.fitsItsWidth(page);
    }
    same('the page is made of the same', await skeleton(page), before);
  },

  'what is no text is shown as what it is': async (stage) => {
    const page = await stage.page('/#reader@odd');
    const reader = new User(page);
    await reader.is('connected');
    for (const [content, shown] of [[7, '7'], [null, 'null'], [{ a: ['<b>'] }, '{"a":["<b>"]}'], [undefined, '']]) {
      await page.evaluate(async (body) => {
        const { ChatSession } = await import('/assets/chat/session.js');
        const { findGate } = await import('/assets/chat/where.js');
        await new Promise((resolve) => {
          const session = new ChatSession({ name: 'odd', room: 'odd', findGate }, {
            changed() {}, came() {}, went() {}, said() {},
            entered: () => session.say(body.content, '*').then(() => session.leave()).then(resolve),
          });
          session.run();
        });
      }, { content });
      await reader.hears('odd came in', `odd: ${shown}`, 'odd left');
    }
  },

  'names that turn or hide text are refused': async (stage) => {
    const page = await stage.page();
    const user = new User(page);
    const error = page.locator('.login .error:not([hidden])');
    for (const name of REFUSED) {
      await (await user.enter(name, 'den')).is('refused');
      await eventually('the reason', () => error.textContent(), (text) => text.includes('which cannot be seen'));
      await (await user.enter('plain', name)).is('refused');
      await eventually('the reason', () => error.textContent(), (text) => text.includes('which cannot be seen'));
    }
  },

  'no name turns what stands around it': async (stage) => {
    const page = await stage.page();
    const user = new User(page);
    for (const name of ['שלום', 'abc שלום', 'שלום abc']) {
      await (await user.enter(name, 'bidi')).is('connected');
      const order = await user.pane.locator('h2').evaluate((title) => [...title.children].map((part) => part.getBoundingClientRect().left));
      same(`the order of the title with ${JSON.stringify(name)}`, order, [...order].sort((a, b) => a - b));
      // The word between them is read from left to right.
      const isTurned = await user.pane.locator('h2 .word').evaluate((word) => {
        const text = word.firstChild;
        const left = (from, to) => {
          const range = document.createRange();
          range.setStart(text, from);
          range.setEnd(text, to);
          return range.getBoundingClientRect().left;
        };
        return left(1, 2) > left(2, 3);
      });
      same('"in" is turned', isTurned, false);
      await user.pane.getByRole('button', { name: /^Leave/ }).click();
    }
  },
};
