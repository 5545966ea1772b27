// Explain: where a user and a room land and why, with one server more or fewer, and where they
// really are.

import { byId, h } from './dom.js';
import { plural, sentence } from './format.js';

/** @type {import('./app.js').Panel} */
export const explain = {
  id: 'explain',
  name: 'Explain',
  html: `
  <div class="section-head"><h2 id="explain-title">Explain</h2><p class="quiet small">where a user and a room go, why, and what one server more or fewer changes</p></div>
  <div class="panel pad">
    <form id="explain-form" class="fields">
      <div class="field"><label for="explain-uid">user (uid)</label><input id="explain-uid" name="uid" required autocomplete="off"></div>
      <div class="field"><label for="explain-rid">room (rid)</label><input id="explain-rid" name="rid" required autocomplete="off"></div>
      <button type="submit" class="primary">Explain</button>
    </form>
    <p id="explain-output" class="output" role="status"></p>
    <div id="explain-result" aria-live="polite"></div>
  </div>
`,
  mount,
};

/**
 * Explains for another part of the page; `null` keeps the value of the form.
 * @typedef {(uid: string | null, rid: string | null) => void} Explain
 */

/** @param {import('./app.js').App} app */
function mount(app) {
  const form = byId('explain-form');
  const result = byId('explain-result');
  const output = byId('explain-output');

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const uid = form.elements.uid.value.trim();
    const rid = form.elements.rid.value.trim();
    const seen = await app.notices.attempt(output, () => app.api.get('explain', { uid, rid }));
    result.replaceChildren(...(seen ? shown(seen) : []));
  });

  app.explain = (uid, rid) => {
    if (uid !== null) form.elements.uid.value = uid;
    if (rid !== null) form.elements.rid.value = rid;
    form.elements.uid.value ||= 'somebody';
    form.elements.rid.value ||= 'lobby';
    byId('explain').scrollIntoView({ block: 'start' });
    form.requestSubmit();
  };
}

function shown(seen) {
  const steps = [
    step('gate', sentence(seen.gates) || 'no gate', 'clients know it'),
    step(
      'connector',
      seen.connector.server ?? 'none',
      `by the user ${seen.connector.key}, ${seen.connector.strategy}: ${seen.connector.why}`,
    ),
    step('chat', seen.chat.server ?? 'none', `by the room ${seen.chat.key}, ${seen.chat.strategy}: ${seen.chat.why}`),
  ];
  return [
    h('ol', { class: 'way' }, ...steps),
    ...really(seen).map((text) => h('p', { class: 'foreign' }, text)),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'With one server more or fewer' },
      changes(seen),
    ),
  ];
}

function step(type, server, why) {
  return h(
    'li',
    {},
    h('span', { class: 'quiet' }, type),
    h('b', {}, server),
    h('span', { class: 'quiet small foreign' }, why),
  );
}

/** Where they are; it differs from where they would go when they came before a change. */
function really({ uid, rid, session, room, connector, chat }) {
  const user = session
    ? `${uid} is logged in on ${session.frontend} (session ${session.session})${differs(session.frontend, connector)}.`
    : `${uid} is not logged in.`;
  const where = room
    ? `${rid} is on ${room.server} with ${plural(room.members, 'member')}${differs(room.server, chat)}.`
    : `${rid} has no members now.`;
  return [user, where];
}

function differs(server, fate) {
  if (server === fate.server) return ', as the strategy says';
  return fate.sticky ? `, and would go to ${fate.server ?? 'no server'} now` : '; each login chooses anew';
}

function changes({ connector, chat }) {
  const row = (type, fate) => {
    const cell = (server) =>
      h(
        'td',
        { class: server === fate.server ? null : 'moves' },
        `${server ?? 'no server'}${server === fate.server ? '' : ' (moves)'}`,
      );
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, type),
      h('td', {}, fate.server ?? 'no server'),
      cell(fate.withOneMore),
      cell(fate.withoutLast),
      cell(fate.withoutIt),
      h('td', {}, fate.added ?? ''),
    );
  };
  const names = ['', 'now', 'with one more', 'without the last', 'without the one it is on', 'one more would be'];
  return h(
    'table',
    {},
    h('caption', { class: 'unseen' }, 'With one server more or fewer'),
    h('thead', {}, h('tr', {}, ...names.map((name) => (name ? h('th', { scope: 'col' }, name) : h('td', {}))))),
    h('tbody', {}, row('connector', connector), row('chat', chat)),
  );
}
