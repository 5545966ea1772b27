// Users that chat on the page: in separate windows, and in panes of one.

import { eventually, same } from './support/expect.js';
import { User } from './support/user.js';

export const checks = {
  'two windows chat publicly and privately': async (stage) => {
    const alice = new User(await stage.page());
    const bob = new User(await stage.page());
    await (await alice.enter('alice', 'lobby')).is('connected');
    await alice.sees('alice (you)');
    await (await bob.enter('bob', 'lobby')).is('connected');
    await bob.sees('alice', 'bob (you)');
    await alice.sees('alice (you)', 'bob');
    await alice.hears('you are in lobby', 'bob came in');
    same('the title', [await alice.title(), await alice.page.title()], ['alice in lobby', '\u2068alice\u2069 · pomelo-sim']);

    await alice.say('hello');
    await alice.hears('alice: hello');
    await bob.hears('you are in lobby', 'alice: hello');
    await bob.say('hi alice');
    await alice.hears('bob: hi alice');
    await bob.sayTo('alice', 'only for you');
    await bob.hears('!bob privately to alice: only for you');
    await alice.hears('!bob privately: only for you');
    await bob.say('for all again');
    await alice.hears('!bob privately: only for you', 'bob: for all again');

    await bob.page.close();
    await alice.hears('bob left');
    await alice.sees('alice (you)');
  },

  'a link opens panes that chat with each other': async (stage) => {
    const page = await stage.page('/#ann@den,ben@den,cat@attic');
    const [ann, ben, cat] = [0, 1, 2].map((index) => new User(page, index));
    for (const user of [ann, ben, cat]) await user.is('connected');
    await ann.say('first');
    await ben.hears('ann: first');
    await ben.sayTo('ann', 'psst');
    await ann.hears('!ben privately: psst');
    same('what is said in another room', await cat.lines(), ['you are in attic']);

    await page.getByRole('button', { name: 'Add another user' }).click();
    const dan = new User(page, 3);
    same('the focus', await page.evaluate(() => document.activeElement.name), 'name');
    same('the room of the last pane is offered', await dan.pane.getByLabel('Room').inputValue(), 'attic');
    same('four panes are enough', await page.locator('#add').isDisabled(), true);
    await (await dan.enter('dan', 'den')).is('connected');
    same('the address', new URL(page.url()).hash, '#ann@den,ben@den,cat@attic,dan@den');
    await ann.hears('dan came in');

    await ben.pane.getByRole('button', { name: /^Close/ }).click();
    await ann.hears('ben left');
    same('the address without ben', new URL(page.url()).hash, '#ann@den,cat@attic,dan@den');
    await ann.pane.getByRole('button', { name: /^Leave/ }).click();
    await ann.is('not connected');
    same('the form again', await ann.pane.getByLabel('Name').inputValue(), 'ann');
    await ann.enter('anna', 'attic');
    // Without ben's pane the indices shift.
    await new User(page, 1).hears('anna came in');
  },

  'what the server refuses is said at the field': async (stage) => {
    const page = await stage.page('/#eve@lobby2');
    await new User(page).is('connected');
    await page.getByRole('button', { name: 'Add another user' }).click();
    const user = new User(page, 1);
    const error = (name) => user.pane.getByLabel(name).evaluate((field) => {
      const place = document.getElementById(field.getAttribute('aria-describedby'));
      return [place.hidden ? '' : place.textContent, field.getAttribute('aria-invalid'), field === document.activeElement];
    });
    const refused = async (name, room, field, why) => {
      await user.enter(name, room);
      await eventually(`${name}@${room}`, () => error(field), [why, 'true', true]);
    };
    await refused('eve', 'lobby2', 'Name', 'eve*lobby2 is logged in already');
    await refused('', 'lobby2', 'Name', 'expected 1 to 64 characters');
    await refused('a*b', 'lobby2', 'Name', 'it contains *');
    await refused('x'.repeat(65), 'lobby2', 'Name', 'expected 1 to 64 characters');
    await refused('fay', '', 'Room', 'it is empty');
    same('an error that is over goes', await error('Name'), ['', null, false]);
    await (await user.enter('fay', 'lobby2')).is('connected');

    // A message to a user that has left fails, and the text stays in the input.
    await user.pane.getByRole('button', { name: 'eve', exact: true }).click();
    await new User(page).pane.getByRole('button', { name: /^Leave/ }).click();
    await user.hears('eve left');
    await user.say('are you there?');
    const said = user.pane.locator('.say .error');
    await eventually('the error', () => said.textContent(), 'Not sent: target: no user "eve" in your room');
    same('the text is back', await user.input.inputValue(), 'are you there?');
  },

  'a long conversation stays bounded, and at its end only while the reader is there': async (stage) => {
    const page = await stage.page('/#ned@log,oda@log');
    const [ned, oda] = [new User(page, 0), new User(page, 1)];
    await ned.is('connected');
    await oda.is('connected');
    const log = ned.pane.locator('.log');
    const atEnd = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2);
    for (let count = 0; count < 60; count += 1) await oda.say(`line ${count}`);
    await ned.hears('oda: line 59');
    await eventually('at the end', atEnd, true);

    await log.evaluate((box) => (box.scrollTop = 100));
    await oda.say('below');
    await ned.hears('oda: below');
    same('it stays where the reader is', await log.evaluate((box) => box.scrollTop), 100);
    const newer = ned.pane.getByRole('button', { name: '1 new below' });
    await newer.click();
    await eventually('at the end again', atEnd, true);
    same('nothing is new', await newer.isVisible(), false);

    await oda.input.evaluate(async (input) => {
      for (let count = 0; count < 520; count += 1) {
        input.value = `more ${count}`;
        input.form.requestSubmit();
        // The server takes 64 messages of a client at once.
        if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    await ned.hears('oda: more 518', 'oda: more 519');
    same('lines', (await ned.lines()).length, 500);
    await eventually('still at the end', atEnd, true);
  },
};
