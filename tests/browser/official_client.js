// Pomelo's own client for browsers, as it is on npm, in a page with script tags, together with a
// user of our page.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { eventually, same } from './support/expect.js';
import { User } from './support/user.js';

const require = createRequire(import.meta.url);

// Component's build, for which these were written, gave each file a `module` of its own, and the page these names.
const SCRIPTS = [
  'window.EventEmitter = ' + moduleOf('component-emitter/index.js'),
  moduleOf('pomelo-protocol/lib/protocol.js'),
  'window.protobuf = ' + moduleOf('pomelo-protobuf/lib/client/protobuf.js'),
  moduleOf('pomelo-jsclient-websocket/lib/pomelo-client.js'),
];
const FILES = {
  'page.html': '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="client.js"></script>',
  'client.js': SCRIPTS.join('\n'),
};

function moduleOf(name) {
  const source = readFileSync(require.resolve(name), 'utf8');
  return `(function (module) {\n${source}\n; return module.exports; }).call(window, { exports: {} });`;
}

/** The client logs every end to the console. */
const expected = /^socket close:/;

/** A page with the client in it, logged in as the tutorial does. */
async function official(stage, gate, name, room) {
  const page = await stage.page(`${await stage.serve(FILES)}page.html`, { expected });
  const users = await page.evaluate(async ({ gate, name, room }) => {
    window.heard = [];
    for (const route of ['onChat', 'onAdd', 'onLeave', 'onKick', 'close']) {
      pomelo.on(route, (body) => window.heard.push([route, route === 'close' ? null : body]));
    }
    const init = (to) => new Promise((resolve) => pomelo.init({ ...to, log: true }, resolve));
    window.request = (route, body) => new Promise((resolve) => pomelo.request(route, body, resolve));
    await init(gate);
    const { code, host, port } = await window.request('gate.gateHandler.queryEntry', { uid: name });
    if (code !== 200) throw new Error(`the gate says ${code}`);
    pomelo.disconnect();
    await init({ host, port });
    window.heard.length = 0;
    return (await window.request('connector.entryHandler.enter', { username: name, rid: room })).users;
  }, { gate, name, room });
  return { page, users, say: (content, target) => page.evaluate(([body]) => window.request('chat.chatHandler.send', body), [{ content, target, rid: room, from: name }]) };
}

const heard = ({ page }) => page.evaluate(() => window.heard.splice(0));

export const checks = {
  'it logs in, chats, hears pushes, and keeps its connection': async (stage) => {
    const ours = new User(await stage.page('/#ours@official'));
    await ours.is('connected');
    const { gate } = await (await fetch(`${stage.url}/api/v1/cluster`)).json();
    const first = await official(stage, gate, 'first', 'official');
    same('who is here', first.users.sort(), ['first', 'ours']);
    const second = await official(stage, gate, 'second', 'official');
    await ours.hears('you are in official', 'first came in', 'second came in');

    same('the answer', await first.say('hello', '*'), {});
    await ours.hears('first: hello');
    same('what second heard', await heard(second), [['onChat', { msg: 'hello', from: 'first', target: '*' }]]);
    await ours.say('welcome');
    await ours.sayTo('second', 'psst');
    await eventually('what second hears', () => second.page.evaluate(() => window.heard.length), 2);
    same('what second heard', await heard(second), [
      ['onChat', { msg: 'welcome', from: 'ours', target: '*' }],
      ['onChat', { msg: 'psst', from: 'ours', target: 'second' }],
    ]);
    const [added, said, answer] = await heard(first);
    same('what first heard', [added, said, answer], [
      ['onAdd', { route: 'onAdd', user: 'second' }],
      ['onChat', { msg: 'hello', from: 'first', target: '*' }],
      ['onChat', { msg: 'welcome', from: 'ours', target: '*' }],
    ]);

    // Longer than its heartbeats of 3 s and the timeout of twice that: nobody is lost.
    await new Promise((resolve) => setTimeout(resolve, 7_500));
    same('nothing has happened', [await heard(first), await heard(second)], [[], []]);
    await second.page.evaluate(() => pomelo.disconnect());
    await ours.hears('second left');
    same('what first heard', await heard(first), [['onLeave', { route: 'onLeave', user: 'second' }]]);
  },

  'it is told why it is kicked': async (stage) => {
    const { gate } = await (await fetch(`${stage.url}/api/v1/cluster`)).json();
    const user = await official(stage, gate, 'kicked', 'official2');
    await stage.ask({ run: ['kick', 'kicked*official2', '--reason', 'be quiet'] });
    await eventually('the kick', () => user.page.evaluate(() => window.heard.length), 2);
    same('what it heard', await heard(user), [['onKick', { reason: 'be quiet' }], ['close', null]]);
  },
};
