// A second login with the same name, on a cluster where the later login wins.

import { eventually, same } from './support/expect.js';
import { User } from './support/user.js';

export const checks = {
  'the first one is told, and does not fight for its place': async (stage) => {
    const first = new User(await stage.page('/#gil@den'));
    await first.is('connected');
    const second = new User(await stage.page('/#gil@den'));
    await second.is('connected');
    await first.is('kicked');
    await first.hears('you are in den', 'the server ended the connection: logged in elsewhere');
    const notice = first.pane.locator('.notice p');
    await eventually('the notice', () => notice.textContent(), 'The server ended the connection: logged in elsewhere');
    await second.sees('gil (you)');
    await first.say('too late');
    await eventually('the error', () => first.pane.locator('.say .error').textContent(), 'Not sent: not connected');

    await first.pane.getByRole('button', { name: 'Enter again' }).click();
    await first.is('connected');
    await second.is('kicked');
    await first.say('back');
    await first.hears('gil: back');
    same('what the other hears', (await second.lines()).at(-1), 'the server ended the connection: logged in elsewhere');
  },
};
