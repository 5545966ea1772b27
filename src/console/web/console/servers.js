// The table of servers: their load, their last minutes, and their verbs; a form that adds one.

import { nextServer } from './additions.js';
import { byId, fields, h, keyed, setAttribute, setOptions, setText } from './dom.js';
import { marks } from './events.js';
import { bytes, count, percentiles, rate } from './format.js';
import { hottest } from './heat.js';
import { Plot } from './plot.js';
import { bucketed, greatest } from './series.js';
import { badge } from './words.js';

const SHOWN_MS = 300_000;
const BUCKET_MS = 5000;
const MARKS_MAX = 6;

const COLUMNS = [
  { name: 'server', of: (server) => server.id, isText: true },
  { name: 'type', of: (server) => server.serverType, isText: true },
  { name: 'state', of: (server) => server.state, isText: true },
  {
    name: 'sessions',
    of: (server) => server.sessions,
    text: (server) => (server.frontend ? count(server.sessions) : '–'),
  },
  { name: 'rooms', of: (server) => server.rooms, text: (server) => (server.frontend ? '–' : count(server.rooms)) },
  {
    name: 'members',
    of: (server) => server.members,
    text: (server) => (server.frontend ? '–' : count(server.members)),
  },
  { name: 'messages/s', of: (server) => server.messagesPerSecond, text: (server) => rate(server.messagesPerSecond) },
  {
    name: 'p50 / p99',
    of: (server) => server.p99Ms ?? -1,
    text: (server) => percentiles(server.p50Ms, server.p99Ms),
  },
  { name: 'queue', of: (server) => server.queue, text: (server) => count(server.queue) },
  { name: 'restarts', of: (server) => server.restarts, text: (server) => count(server.restarts) },
  { name: 'buffers', of: (server) => server.bufferBytes, text: (server) => bytes(server.bufferBytes) },
];

/** @type {import('./app.js').Panel} */
export const servers = {
  id: 'servers',
  name: 'Servers',
  html: `
  <div class="section-head"><h2 id="servers-title">Servers</h2><label for="servers-filter" class="unseen">Filter servers</label><input id="servers-filter" type="search" placeholder="Filter" autocomplete="off" size="14"><span id="servers-count" class="quiet small" role="status"></span></div>
  <p id="servers-output" class="output" role="status"></p>
  <div id="servers-box" class="panel scroll" tabindex="0" role="region" aria-label="Table of servers">
    <table class="servers"><caption class="unseen">Servers</caption><thead><tr id="servers-head"></tr></thead><tbody id="servers-rows"></tbody></table>
  </div>
  <details id="add" class="panel pad">
    <summary>Add a server</summary>
    <form id="add-form"><fieldset data-changes class="fields">
      <legend class="unseen">A new server</legend>
      <div class="field"><label for="add-type">type</label><select id="add-type" name="serverType" required></select></div>
      <div class="field"><label for="add-id">id</label><input id="add-id" name="id" required autocomplete="off" size="20"></div>
      <div class="field"><label for="add-host">host</label><input id="add-host" name="host" required autocomplete="off" size="12"></div>
      <div class="field"><label for="add-port">port</label><input id="add-port" name="port" type="number" min="0" max="65535"></div>
      <div class="field"><label for="add-client">client port, of a frontend</label><input id="add-client" name="clientPort" type="number" min="0" max="65535"></div>
      <button type="submit" class="primary">Add</button>
    </fieldset></form>
    <p id="add-output" class="output" role="status"></p>
  </details>
`,
  mount,
};

function mount(app) {
  const head = byId('servers-head');
  const body = byId('servers-rows');
  const output = byId('servers-output');
  const filter = byId('servers-filter');
  let sort = null;
  let order = [];

  for (const column of COLUMNS) {
    const button = h('button', { type: 'button' }, column.name);
    const cell = h('th', { scope: 'col', class: column.isText ? null : 'number' }, button);
    button.addEventListener('click', () => {
      // Cycles through descending, ascending and configured order.
      sort =
        sort?.column !== column
          ? { column, up: Boolean(column.isText) }
          : sort.up === Boolean(column.isText)
            ? { column, up: !sort.up }
            : null;
      for (const other of head.children) other.removeAttribute('aria-sort');
      if (sort) cell.setAttribute('aria-sort', sort.up ? 'ascending' : 'descending');
      order = [];
      app.changed();
    });
    head.append(cell);
  }
  head.append(h('th', { scope: 'col' }, '5 minutes'), h('th', { scope: 'col' }, 'orders'));
  filter.addEventListener('input', () => app.changed());

  app.add(byId('servers-box'), (state) => {
    const { picture, history, events } = state;
    const text = filter.value.trim().toLowerCase();
    const wanted = picture.servers.filter((server) =>
      `${server.id} ${server.serverType} ${server.state}`.toLowerCase().includes(text),
    );
    // Do not reorder rows under the pointer or the focus.
    const isHeld = body.matches(':hover, :focus-within');
    const servers = isHeld && order.length > 0 ? ordered(wanted, order) : sorted(wanted, sort);
    order = servers.map((server) => server.id);
    const until = history.times.at(-1) ?? picture.atMs;
    const from = until - SHOWN_MS;
    const top = greatest(servers.map((server) => history.server(server.id).messagesPerSecond)) || 1;
    const marked = marks(events, from, until, 200);
    const hot = new Set([...hottest(picture, history).values()].map((heat) => heat?.server));
    const times = { from, until, top, times: history.times };
    keyed(
      body,
      servers,
      (server) => server.id,
      () => row(app, output),
    );
    for (const node of body.children)
      node.show(history.server(node.dataset.id).messagesPerSecond, times, marked, hot.has(node.dataset.id));
    setText(byId('servers-count'), text ? `${servers.length} of ${picture.servers.length} servers` : '');
  });
  mountAdd(app);
}

function sorted(servers, sort) {
  if (!sort) return servers;
  const { of, isText } = sort.column;
  const by = isText ? (a, b) => of(a).localeCompare(of(b), 'en', { numeric: true }) : (a, b) => of(a) - of(b);
  return servers.toSorted((a, b) => (sort.up ? by(a, b) : by(b, a)));
}

function ordered(servers, order) {
  const place = new Map(order.map((id, index) => [id, index]));
  return servers.toSorted((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity));
}

function row(app, output) {
  const name = h('button', { type: 'button', class: 'link', onclick: () => app.show(node.dataset.id) });
  const hot = h('span', { class: 'hot' });
  const type = h('td');
  const state = badge();
  const cells = COLUMNS.slice(3).map(() => h('td', { class: 'number' }));
  const plot = new Plot(1, 'spark');
  const verbs = app.orders.verbs(output);
  const node = h(
    'tr',
    {},
    h('th', { scope: 'row' }, name, ' ', hot),
    type,
    h('td', {}, state.node),
    ...cells,
    h('td', { class: 'spark-cell' }, plot.node),
    h('td', {}, verbs.node),
  );
  node.show = (values, { times, from, until, top }, events, isHot) => {
    const mine = events.filter((event) => !event.server || event.server === node.dataset.id).slice(-MARKS_MAX);
    const points = bucketed(times, values, from, until, BUCKET_MS);
    plot.draw([points], {
      from,
      until,
      tops: [top],
      marks: mine,
      label: `messages a second of ${node.dataset.id}: now ${rate(values.at(-1))}, at most ${rate(greatest([values]))}`,
    });
    setText(hot, isHot ? 'hottest' : '');
  };
  const update = (server) => {
    setAttribute(node, 'data-id', server.id);
    setAttribute(node, 'data-state', server.state);
    setText(name, server.id);
    setText(type, server.serverType);
    state.update(server.state);
    cells.forEach((cell, index) => setText(cell, COLUMNS[index + 3].text(server)));
    verbs.update(server);
  };
  return { node, update };
}

function mountAdd(app) {
  const form = byId('add-form');
  const output = byId('add-output');
  const type = form.elements.serverType;

  const prefill = () =>
    app.notices.attempt(output, async () => {
      const servers = (await app.api.get('servers')).servers.map((server) => ({
        ...server,
        clientPort: server.clients ? Number(server.clients.split(':').at(-1)) : null,
      }));
      setOptions(type, [...new Set(servers.map((server) => server.serverType))]);
      const next = nextServer(type.value, servers);
      for (const name of ['id', 'host', 'port', 'clientPort']) form.elements[name].value = next[name] ?? '';
    });
  byId('add').addEventListener('toggle', () => byId('add').open && prefill());
  type.addEventListener('change', prefill);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const given = fields(form);
    const body = { serverType: given.serverType, id: given.id, host: given.host };
    if (given.port) body.port = Number(given.port);
    if (given.clientPort) Object.assign(body, { clientPort: Number(given.clientPort), frontend: true });
    const done = await app.notices.attempt(output, () => app.api.post('servers', body));
    if (done === undefined) return;
    setText(output, [`added ${done.added.join(', ')}`, ...(done.warnings ?? [])].join('; '));
    app.notices.show(`added ${done.added.join(', ')}`, {
      label: 'Undo: remove',
      act: () => app.orders.give('remove', done.added[0], output),
    });
    await prefillKeeping(prefill, output);
  });
}

/** The form is made ready for the next one; what was said of the last stays. */
async function prefillKeeping(prefill, output) {
  const said = output.textContent;
  await prefill();
  if (output.textContent === '') setText(output, said);
}
