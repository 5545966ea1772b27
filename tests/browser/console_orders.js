// Orders of the console: a server is killed and comes back, one is added, links break, strategies change.

import { ConsolePage, People, press } from './support/console.js';
import { eventually, same } from './support/expect.js';

const ROOM = 'harbour';

export const checks = {
  'where a room is, what a kill would do, the kill, and the way back': async (stage) => {
    const people = await People.enter(stage, [
      ['ann', ROOM],
      ['ben', ROOM],
      ['cat', ROOM],
    ]);
    const seen = await ConsolePage.open(stage);
    const { server, members } = await seen.findRoom(ROOM);
    same('members', members, 3);

    await press(seen.page.locator('#rooms-rows').getByRole('button', { name: server }));
    await seen.says('#detail h3', server);
    await press(seen.page.locator('#detail').getByRole('button', { name: `kill ${server}` }));
    const dialog = seen.page.getByRole('dialog', { name: `Kill ${server}?` });
    await dialog.waitFor();
    await seen.says('#confirm-moves-text', /room.* with \d+ members? moves? to chat-server-\d/);
    const forecast = await eventually(
      'the rooms that move',
      () => seen.rows('#confirm-moves-rows'),
      (rows) => rows.some(([room]) => room === ROOM),
    );
    const [, , target] = forecast.find(([room]) => room === ROOM);
    await press(dialog.getByRole('button', { name: 'Kill' }));
    await seen.shows(server, 'killed');
    await seen.warns(new RegExp(`${server} is killed`));
    await eventually('the room moves as was said', async () => (await seen.findRoom(ROOM)).server, target);
    await people.say('ann', 'still here');
    await seen.goTo('timeline');
    await eventually(
      'the timeline',
      () => seen.rows('#timeline-rows'),
      (rows) => rows.some(([, kind, id]) => kind === 'killed' && id === server),
    );
    await eventually('marks in the plots', () => seen.page.locator('#timeline-plots .mark-broke').count(), 4);

    await press(seen.page.getByRole('button', { name: 'Undo: restart' }));
    await seen.shows(server, 'running');
    await eventually('the room is back', async () => (await seen.findRoom(ROOM)).server, server);
    await seen.warns('All servers run, and no link has a fault.');
    await people.leave();
  },

  'a dialog that is left by Escape does nothing, and a pause is taken back': async (stage) => {
    const seen = await ConsolePage.open(stage);
    const row = seen.page.locator('#servers-rows [data-id="chat-server-1"]');
    await row.getByRole('button', { name: 'stop chat-server-1' }).focus();
    await seen.page.keyboard.press('Enter');
    await seen.page.getByRole('dialog', { name: 'Stop chat-server-1?' }).waitFor();
    await seen.page.keyboard.press('Escape');
    await seen.shows('chat-server-1', 'running');
    same(
      'the focus is back',
      await seen.page.evaluate(() => document.activeElement.getAttribute('aria-label')),
      'stop chat-server-1',
    );

    await press(row.getByRole('button', { name: 'pause chat-server-1' }));
    await press(seen.page.getByRole('dialog').getByRole('button', { name: 'Pause' }));
    await seen.shows('chat-server-1', 'paused');
    await press(row.getByRole('button', { name: 'resume chat-server-1' }));
    await seen.shows('chat-server-1', 'running');
  },

  'a server is added with what the form proposes, and removed': async (stage) => {
    const seen = await ConsolePage.open(stage, { expected: /409|400/ });
    await press(seen.page.locator('summary', { hasText: 'Add a server' }));
    await seen.page.locator('#add-type').selectOption('chat');
    await eventually('the proposed id', () => seen.page.locator('#add-id').inputValue(), 'chat-server-4');
    await press(seen.page.getByRole('button', { name: 'Add', exact: true }));
    await seen.shows('chat-server-4', 'running');
    await eventually('the next one', () => seen.page.locator('#add-id').inputValue(), 'chat-server-5');

    await seen.page.locator('#add-id').fill('chat-server-4');
    await press(seen.page.getByRole('button', { name: 'Add', exact: true }));
    await seen.says('#add-output', /chat-server-4/);
    same('it is an error', await seen.page.locator('#add-output').getAttribute('class'), 'output error');

    await press(seen.page.locator('#servers-rows').getByRole('button', { name: 'remove chat-server-4' }));
    await press(seen.page.getByRole('dialog').getByRole('button', { name: 'Remove' }));
    await eventually('it is gone', () => seen.card('chat-server-4').count(), 0);
  },

  'links are cut, shown so, and healed': async (stage) => {
    const seen = await ConsolePage.open(stage, { expected: /400/ });
    await seen.goTo('faults');
    await press(seen.page.getByRole('button', { name: 'Cut connector ↔ chat-server-1' }));
    await eventually(
      'the rule',
      () => seen.rows('#fault-rows'),
      (rows) => rows.length === 1 && rows[0][2] === 'cut',
    );
    await seen.warns('3 links cut.');
    await seen.goTo('topology');
    await eventually('words on the map', () => seen.page.locator('#map .faults text').allTextContents(), [
      'cut',
      'cut',
      'cut',
    ]);

    await seen.goTo('faults');
    await seen.page.getByLabel('latency').fill('soon');
    await press(seen.page.getByRole('button', { name: 'Add the rule' }));
    await seen.says('#fault-output', /latency/);
    await seen.page.getByLabel('latency').fill('20ms..50ms');
    await seen.page.getByLabel('loss, %').fill('1');
    await press(seen.page.getByRole('button', { name: 'Add the rule' }));
    await seen.warns('3 links cut, 6 lossy.');
    same(
      'the API agrees',
      (await seen.api('links')).rules.map(({ cut, loss, latency }) => [cut, loss, latency]),
      [
        [true, undefined, undefined],
        [undefined, 0.01, '20ms..50ms'],
      ],
    );

    await seen.goTo('faults');
    await press(seen.page.locator('#fault-rows').getByRole('button').first());
    await seen.warns('9 links lossy.');
    await seen.goTo('faults');
    await press(seen.page.getByRole('button', { name: 'Heal all' }));
    await seen.warns('All servers run, and no link has a fault.');
  },

  'another strategy is previewed, applied, and taken back': async (stage) => {
    const people = await People.enter(
      stage,
      Array.from({ length: 12 }, (_, index) => [`mover${index}`, `dock${index}`]),
    );
    const seen = await ConsolePage.open(stage);
    await seen.goTo('balance');
    const form = seen.page.locator('form.strategy', { has: seen.page.locator('#strategy-chat') });
    const strategy = async () =>
      (await seen.api('strategies')).types.find(({ serverType }) => serverType === 'chat').strategy;
    const before = await strategy();
    await form.locator('#strategy-chat').selectOption('ring');
    await form.getByLabel(/points/).fill('60');
    await press(form.getByRole('button', { name: 'Preview' }));
    const text = await eventually(
      'the preview',
      () =>
        form
          .locator('.preview p')
          .first()
          .textContent()
          .catch(() => ''),
      (text) => /^With ring\(60\), \d+ of 12 rooms would move, with \d+ of 12 members\.$/.test(text),
    );
    same('nothing has changed yet', await strategy(), before);
    same('a row a server', await form.locator('table.bars tbody tr').count(), 3);

    await press(form.getByRole('button', { name: 'Apply' }));
    await eventually('the API agrees', strategy, 'ring(60)');
    await eventually('the page says so', () => form.locator('b').first().textContent(), 'ring(60)');
    const [, moves] = /, (\d+) of 12 rooms/.exec(text);
    await eventually(
      'as many have moved',
      () => form.locator('.output').textContent(),
      (said) => said.startsWith(`Applied ring(60): ${moves} room`),
    );
    await press(seen.page.getByRole('button', { name: `Undo: ${before}` }));
    await eventually('the old one', strategy, before);
    await people.leave();
  },
};
