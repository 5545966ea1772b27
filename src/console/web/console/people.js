// Rooms and users: search, their servers, the largest and the busiest, the members of a room, and a
// kick.

import { part } from './api.js';
import { byId, h, keyed, setText } from './dom.js';
import { count, plural, rate } from './format.js';

/** How often lists are asked for while they are in view, in milliseconds. */
const EVERY_MS = 2000;

const LIMIT = 50;

/** @type {import('./app.js').Panel} */
export const people = {
  id: 'people',
  name: 'Rooms and users',
  html: `
  <div class="section-head"><h2 id="people-title">Rooms and users</h2></div>
  <div class="two">
    <div class="panel">
      <div class="panel-head"><h3>Rooms</h3><label for="rooms-search" class="unseen">Search rooms</label><input id="rooms-search" type="search" placeholder="Part of a name" autocomplete="off"><label for="rooms-sort" class="unseen">Order of rooms</label><select id="rooms-sort"><option value="members">biggest first</option><option value="messages">busiest first</option><option value="name">by name</option></select><span id="rooms-count" class="quiet small" role="status"></span></div>
      <p id="rooms-output" class="output" role="status"></p>
      <div class="scroll tall-box" tabindex="0" role="region" aria-label="Rooms"><table><caption class="unseen">Rooms</caption><thead><tr><th scope="col">room</th><th scope="col">server</th><th scope="col" class="number">members</th><th scope="col" class="number">messages</th><th scope="col" class="number">messages/s</th><th scope="col">look</th></tr></thead><tbody id="rooms-rows"></tbody></table></div>
    </div>
    <div class="panel">
      <div class="panel-head"><h3>Users</h3><label for="users-search" class="unseen">Search users</label><input id="users-search" type="search" placeholder="Part of a name" autocomplete="off"><span id="users-count" class="quiet small" role="status"></span></div>
      <p id="users-output" class="output" role="status"></p>
      <div class="scroll tall-box" tabindex="0" role="region" aria-label="Users"><table><caption class="unseen">Users</caption><thead><tr><th scope="col">user</th><th scope="col">frontend</th><th scope="col">rooms</th><th scope="col">orders</th></tr></thead><tbody id="users-rows"></tbody></table></div>
    </div>
  </div>
`,
  mount,
};

/**
 * The interface for other panels.
 * @typedef {object} People
 * @property {(text: string) => void} find looks for a room or a user from the head of the page
 * @property {() => Promise<void>} refresh asks for both lists again
 * @property {(room: string) => Promise<void>} openRoom shows the members of a room
 * @property {(uid: string) => void} kick asks for a reason, then kicks
 */

/** @param {import('./app.js').App} app */
function mount(app) {
  const rooms = byId('rooms-search');
  const users = byId('users-search');
  const sort = byId('rooms-sort');
  const before = new Map();
  let isSeen = false;
  let typing = 0;
  let asked = 0;

  async function refresh() {
    const mine = (asked += 1);
    const [ofRooms, ofUsers] = await Promise.all([
      app.notices.attempt(byId('rooms-output'), () =>
        app.api.get('rooms', { search: rooms.value.trim(), sort: sort.value, limit: LIMIT }),
      ),
      app.notices.attempt(byId('users-output'), () => app.api.get('users', { search: users.value.trim(), limit: LIMIT })),
    ]);
    // Ignore an answer that a newer one has overtaken.
    if (mine !== asked) return;
    if (ofRooms) {
      keyed(
        byId('rooms-rows'),
        withRates(ofRooms.rooms, before),
        (room) => `${room.server} ${room.room}`,
        (room) => roomRow(app, room),
      );
      setText(byId('rooms-count'), found(ofRooms.rooms.length, ofRooms.total, 'room', rooms.value));
    }
    if (ofUsers) {
      keyed(
        byId('users-rows'),
        ofUsers.users,
        (user) => user.uid,
        (user) => userRow(app, user),
      );
      setText(byId('users-count'), found(ofUsers.users.length, ofUsers.total, 'user', users.value));
    }
  }

  new IntersectionObserver(
    (entries) => {
      isSeen = entries.at(-1).isIntersecting;
      if (isSeen) refresh();
    },
    { rootMargin: '200px' },
  ).observe(byId('people'));
  setInterval(() => {
    if (isSeen && !document.hidden) refresh();
  }, EVERY_MS);
  for (const input of [rooms, users]) {
    input.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(refresh, 200);
    });
  }
  sort.addEventListener('change', refresh);

  const find = (text) => {
    rooms.value = text;
    users.value = text;
    byId('people').scrollIntoView({ block: 'start' });
    rooms.focus({ preventScroll: true });
    refresh();
  };
  app.people = { find, refresh, openRoom: mountMembers(app), kick: mountKick(app) };
}

/** Messages a second since the last look, where the server does not say them. */
function withRates(rooms, before) {
  const now = performance.now();
  const known = new Map(before);
  before.clear();
  return rooms.map((room) => {
    const key = `${room.server} ${room.room}`;
    const last = known.get(key);
    before.set(key, { messages: room.messages, at: now });
    const counted =
      last && room.messages >= last.messages ? ((room.messages - last.messages) * 1000) / (now - last.at) : null;
    return { ...room, messagesPerSecond: room.messagesPerSecond ?? counted };
  });
}

function found(shown, total, what, search) {
  if (total === 0)
    return search.trim()
      ? `No ${what} with that in its name.`
      : `No ${what}s yet: chat on the page, or start robots under Load.`;
  return shown < total ? `The first ${shown} of ${plural(total, what)}.` : plural(total, what);
}

function roomRow(app, { room }) {
  const server = h('button', { type: 'button', class: 'link', onclick: () => app.show(server.textContent) });
  const members = h('td', { class: 'number' });
  const messages = h('td', { class: 'number' });
  const perSecond = h('td', { class: 'number' });
  const open = h(
    'button',
    { type: 'button', class: 'small', 'aria-label': `members of ${room}`, onclick: () => app.people.openRoom(room) },
    'members',
  );
  const why = h(
    'button',
    {
      type: 'button',
      class: 'small plain',
      'aria-label': `why there: ${room}`,
      onclick: () => app.explain(null, room),
    },
    'why there',
  );
  const node = h(
    'tr',
    {},
    h('th', { scope: 'row', class: 'foreign' }, room),
    h('td', {}, server),
    members,
    messages,
    perSecond,
    h('td', {}, h('div', { class: 'verbs' }, open, why)),
  );
  const update = (room) => {
    setText(server, room.server);
    setText(members, count(room.members));
    setText(messages, count(room.messages));
    setText(perSecond, rate(room.messagesPerSecond));
  };
  return { node, update };
}

function userRow(app, { uid }) {
  const frontend = h('td');
  const rooms = h('td', { class: 'foreign' });
  const kick = kickButton(app, uid);
  const why = h('button', { type: 'button', class: 'small plain', 'aria-label': `why there: ${uid}` }, 'why there');
  const node = h(
    'tr',
    {},
    h('th', { scope: 'row', class: 'foreign' }, uid),
    frontend,
    rooms,
    h('td', {}, h('div', { class: 'verbs' }, kick.node, why)),
  );
  let rid = null;
  // Pomelo's chat binds a session as name*room, but the gate is asked by the name alone.
  why.addEventListener('click', () =>
    app.explain(rid && uid.endsWith(`*${rid}`) ? uid.slice(0, -rid.length - 1) : uid, rid),
  );
  const update = (user) => {
    rid = user.rooms[0]?.room ?? null;
    setText(frontend, user.frontend);
    setText(rooms, user.rooms.map(({ room, server }) => `${room} on ${server}`).join(', ') || '–');
    kick.update();
  };
  return { node, update };
}

function kickButton(app, uid) {
  const node = h(
    'button',
    { type: 'button', class: 'small danger', 'aria-label': `kick ${uid}`, onclick: () => app.people.kick(uid) },
    'kick',
  );
  const update = () => (node.disabled = !app.state.canChange);
  update();
  return { node, update };
}

function mountMembers(app) {
  const dialog = byId('room');
  let open = null;
  byId('room-close').addEventListener('click', () => dialog.close());

  return async (room) => {
    open = room;
    setText(byId('room-title'), room);
    setText(byId('room-where'), '');
    byId('room-rows').replaceChildren();
    if (!dialog.open) dialog.showModal();
    const seen = await app.notices.attempt(byId('room-output'), () => app.api.get(`rooms/${part(room)}`));
    if (!seen || open !== room) return;
    setText(
      byId('room-where'),
      `On ${seen.server}, ${plural(seen.total, 'member')}${seen.members.length < seen.total ? `; the first ${count(seen.members.length)}` : ''}.`,
    );
    byId('room-rows').replaceChildren(
      ...seen.members.map((member) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row', class: 'foreign' }, member.uid),
          h('td', {}, member.frontend),
          h('td', { class: 'number' }, String(member.session)),
          h('td', {}, kickButton(app, member.uid).node),
        ),
      ),
    );
  };
}

function mountKick(app) {
  const dialog = byId('kick');
  let whom = null;
  byId('kick-cancel').addEventListener('click', () => dialog.close());
  byId('kick-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const reason = byId('kick-reason').value.trim();
    const done = await app.notices.attempt(byId('kick-output'), () =>
      app.api.post(`users/${part(whom)}/kick`, reason ? { reason } : {}),
    );
    if (done === undefined) return;
    dialog.close();
    app.notices.show(`kicked ${whom} from ${done.frontend}`);
    app.people.refresh();
    if (byId('room').open) app.people.openRoom(byId('room-title').textContent);
  });

  return (uid) => {
    whom = uid;
    setText(byId('kick-title'), `Kick ${uid}?`);
    setText(byId('kick-output'), '');
    byId('kick-reason').value = '';
    dialog.showModal();
  };
}
