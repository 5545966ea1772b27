// Connections that end: a connector that is killed or stopped, a kick, a room that moves.

import { eventually, same } from './support/expect.js';
import { User } from './support/user.js';

/** Chromium logs a failed socket by itself. */
const expected = /WebSocket connection to/;

const connectorOf = (user) => user.pane.locator('[data-part="connector"]').textContent();
const servedBy = (user) => eventually('the connector', () => connectorOf(user), (name) => /^connector-server-\d$/.test(name));

export const checks = {
  'who is on a connector that is killed comes back by another': async (stage) => {
    const page = await stage.page('/#ann@den,ben@den', { expected });
    const [ann, ben] = [new User(page, 0), new User(page, 1)];
    await ann.is('connected');
    await ben.is('connected');
    const [first, second] = [await servedBy(ann), await servedBy(ben)];
    if (first === second) throw new Error(`expected ann and ben on two connectors, both are on ${first}`);
    // They log in at the same time: either may be the first in the room.
    await eventually('who is here', async () => (await ann.people()).sort(), ['ann (you)', 'ben']);

    // The badge's text meanwhile.
    await page.evaluate(() => {
      const badge = document.querySelector('.badge');
      window.said = [];
      new MutationObserver(() => window.said.push(badge.textContent)).observe(badge, { childList: true });
    });
    await stage.ask({ run: ['kill', first] });
    await ann.hears('you are back; what was said meanwhile is not here');
    await ann.is('connected');
    same('another connector', (await servedBy(ann)) !== first, true);
    const said = await page.evaluate(() => window.said);
    same('the words', said.filter((words) => !/^(reconnecting( in \d+ s)?|connected)$/.test(words)), []);
    same('what was said first', /^reconnecting in \d+ s$/.test(said[0]), true);
    await ben.sees('ben (you)', 'ann');
    await ann.say('still here');
    await ben.hears('ann left', 'ann came in', 'ann: still here');
    await ann.sees('ben', 'ann (you)');
    same('the address', new URL(page.url()).hash, '#ann@den,ben@den');
    await stage.ask({ run: ['restart', first] });
  },

  'a connector that is stopped says so, and its users come back': async (stage) => {
    const page = await stage.page('/#cat@loft', { expected });
    const cat = new User(page);
    await cat.is('connected');
    const connector = await servedBy(cat);
    await stage.ask({ run: ['stop', connector] });
    await cat.hears('connection lost: server stopped', 'you are back; what was said meanwhile is not here');
    await stage.ask({ run: ['restart', connector] });
  },

  'a kick is shown with its reason, and is final until the person says otherwise': async (stage) => {
    const page = await stage.page('/#dan@den2', { expected });
    const dan = new User(page);
    await dan.is('connected');
    await stage.ask({ run: ['kick', 'dan*den2', '--reason', 'be <b>quiet</b>'] });
    await dan.is('kicked');
    await eventually('the notice', () => dan.pane.locator('.notice p').textContent(), 'The server ended the connection: be <b>quiet</b>');
    await dan.hears('you are in den2', 'the server ended the connection: be <b>quiet</b>');
    await dan.say('too late');
    await eventually('the error', () => dan.pane.locator('.say .error').textContent(), 'Not sent: not connected');
    await dan.pane.getByRole('button', { name: 'Enter again' }).click();
    await dan.is('connected');
    await dan.hears('you are in den2');
  },

  'a room that moves is told, and where it is now': async (stage) => {
    const page = await stage.page('/#eve@movers');
    const eve = new User(page);
    await eve.is('connected');
    const chat = eve.pane.locator('[data-part="chat"]');
    const before = await eventually('the chat server', () => chat.textContent(), (name) => name.startsWith('chat-server-'));
    await stage.ask({ run: ['stop', before] });
    const after = await eventually('it moves', () => chat.textContent(), (name) => name.startsWith('chat-server-') && name !== before);
    await eve.hears(`the room moved from ${before} to ${after}`);
    await eve.say('nobody left');
    await eve.hears('eve: nobody left');
    await stage.ask({ run: ['restart', before] });
  },

  'a wait can be cut short, and the way back can be given up': async (stage) => {
    const page = await stage.page('/#fay@den3', { expected });
    const fay = new User(page);
    await fay.is('connected');
    for (const gate of stage.args.gates) await stage.ask({ run: ['stop', gate] });
    await stage.ask({ run: ['kill', await servedBy(fay)] });
    await eventually('it waits', () => fay.state(), (words) => /^reconnecting in \d+ s$/.test(words));
    await fay.pane.getByRole('button', { name: 'Try now' }).click();
    await eventually('why', () => fay.pane.locator('.notice p').textContent(), (text) => /gate|connect/.test(text));
    await fay.pane.getByRole('button', { name: /^Leave/ }).click();
    await fay.is('not connected');
    same('the form', await fay.pane.getByLabel('Name').inputValue(), 'fay');
    await fay.enter('fay', 'den3');
    await fay.is('refused');
    const error = fay.pane.locator('.login > .error:not([hidden])');
    await eventually('the error', () => error.textContent(), (text) => /gate|connect/.test(text));
    for (const gate of stage.args.gates) await stage.ask({ run: ['restart', gate] });
    await fay.enter('fay', 'den3');
    await fay.is('connected');
  },
};
