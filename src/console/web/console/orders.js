// Orders to servers: a dialog with a forecast, the order, its result, and the undo.

import { byId, h, setText } from './dom.js';
import { plural } from './format.js';
import { ASKS, UNDO, consequences, give, movesInWords, verbsOf, whereRoomsGo } from './forecast.js';

const DONE = {
  stop: 'stopped',
  kill: 'killed',
  pause: 'paused',
  resume: 'resumed',
  restart: 'restarted',
  remove: 'removed',
};
const ING = {
  stop: 'Stopping',
  kill: 'Killing',
  pause: 'Pausing',
  resume: 'Resuming',
  restart: 'Restarting',
  remove: 'Removing',
};

/**
 * @param {import('./app.js').App} app
 * @returns {Orders}
 * @typedef {object} Orders
 * @property {(verb: string, id: string, output: HTMLElement) => Promise<void>} give asks first where an order does harm
 * @property {(output: HTMLElement) => { node: HTMLElement, update: (server: object) => void }} verbs
 *   buttons for the verbs of a server; errors are shown in `output`
 */
export function mountOrders(app) {
  const dialog = byId('confirm');
  const output = byId('confirm-output');
  let asked = null;

  dialog.addEventListener('close', () => (asked = null));
  byId('confirm-cancel').addEventListener('click', () => dialog.close());
  byId('confirm-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const { verb, id } = asked;
    const button = byId('confirm-do');
    button.disabled = true;
    const done = await app.notices.attempt(output, () => give(app.api, verb, id));
    button.disabled = false;
    if (done === undefined) return;
    dialog.close();
    said(verb, id);
  });

  const giveOrder = async (verb, id, place) => {
    const server = app.state.picture?.servers.find((server) => server.id === id);
    if (!server) return;
    const isDown = server.state === 'stopped' || server.state === 'killed';
    if (!ASKS.has(verb) || (verb === 'restart' && isDown)) {
      setText(place, `${ING[verb]} ${id} …`);
      const done = await app.notices.attempt(place, () => give(app.api, verb, id));
      if (done === undefined) return;
      setText(place, '');
      said(verb, id);
      return;
    }
    ask(verb, server);
  };

  function said(verb, id) {
    const back = UNDO[verb];
    const undo = back && { label: `Undo: ${back}`, act: () => giveOrder(back, id, byId('servers-output')) };
    app.notices.show(`${DONE[verb]} ${id}`, undo);
  }

  async function ask(verb, server) {
    const question = { verb, id: server.id };
    asked = question;
    setText(byId('confirm-title'), `${verb[0].toUpperCase()}${verb.slice(1)} ${server.id}?`);
    byId('confirm-text').replaceChildren(
      ...consequences(verb, server, app.state.picture).map((text) => h('p', {}, text)),
    );
    setText(byId('confirm-do'), `${verb[0].toUpperCase()}${verb.slice(1)}`);
    setText(byId('confirm-moves-text'), '');
    setText(output, '');
    const moves = byId('confirm-moves');
    moves.hidden = true;
    dialog.showModal();
    if (server.rooms === 0 || verb === 'pause') return;
    setText(byId('confirm-moves-text'), 'Asking the cluster where its rooms would go …');
    let found = { moves: [], rest: 0 };
    let words;
    try {
      found = await whereRoomsGo(app.api, server);
      words = movesInWords(found);
    } catch (error) {
      words = error.message;
    }
    if (asked !== question) return;
    setText(byId('confirm-moves-text'), words);
    if (found.moves.length === 0) return;
    moves.hidden = false;
    setText(byId('confirm-moves-summary'), `Which ${plural(found.moves.length, 'room')}`);
    byId('confirm-moves-rows').replaceChildren(
      ...found.moves.map((move) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row', class: 'foreign' }, move.room),
          h('td', { class: 'number' }, String(move.members)),
          h('td', {}, move.to ?? 'no server'),
        ),
      ),
    );
  }

  const verbs = (place) => {
    const buttons = new Map();
    const node = h('div', { class: 'verbs' });
    let id = null;
    for (const verb of ['pause', 'resume', 'stop', 'kill', 'restart', 'remove']) {
      const button = h(
        'button',
        {
          type: 'button',
          class: `small${verb === 'kill' || verb === 'remove' ? ' danger' : ''}`,
          onclick: () => giveOrder(verb, id, place),
        },
        verb,
      );
      buttons.set(verb, button);
      node.append(button);
    }
    const update = (server) => {
      const can = verbsOf(server.state);
      for (const [verb, button] of buttons) {
        const isOff = !app.state.canChange || !can.includes(verb);
        if (button.disabled !== isOff) button.disabled = isOff;
        if (id !== server.id) button.setAttribute('aria-label', `${verb} ${server.id}`);
      }
      // Only one of these two is possible at a time.
      buttons.get('pause').hidden = server.state === 'paused';
      buttons.get('resume').hidden = server.state !== 'paused';
      id = server.id;
    };
    return { node, update };
  };

  return { give: giveOrder, verbs };
}
