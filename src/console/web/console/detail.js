// The server that was clicked on the map: its figures, its links, its verbs, and a forecast of a
// kill.

import { byId, h, keyed, setText } from './dom.js';
import { bytes, count, duration, percentiles, rate } from './format.js';
import { consequences } from './forecast.js';
import { linkState } from './links.js';
import { badge, facts } from './words.js';

/** Links that are listed, the busiest first. */
const LINKS_MAX = 12;

const FACTS = [
  'type',
  'clients connect to',
  'up for',
  'restarts',
  'sessions, logged in',
  'rooms, members',
  'messages/s',
  'deliveries/s',
  'errors/s',
  'p50 / p99',
  'queue',
  'calls it waits for',
  'buffers',
  'weight',
];

export function mountDetail(app) {
  const root = byId('detail');
  const title = h('h3');
  const state = badge();
  const known = facts(FACTS);
  const output = h('p', { class: 'output', role: 'status' });
  const verbs = app.orders.verbs(output);
  const ifKilled = h('p', { class: 'quiet' });
  const links = h('tbody');
  const table = h(
    'table',
    {},
    h('caption', { class: 'unseen' }, 'Links of this server'),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ...['link', 'state'].map((name) => h('th', { scope: 'col' }, name)),
        h('th', { scope: 'col', class: 'number' }, 'messages/s'),
        h('th', { scope: 'col', class: 'number' }, 'held'),
      ),
    ),
    links,
  );
  const scroll = h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Links of this server' },
    table,
  );
  const close = h('button', { type: 'button', class: 'small plain', onclick: () => closeDetail() }, 'Close');
  root.append(
    h('div', { class: 'row' }, title, state.node, h('span', { class: 'fill' }), close),
    known.node,
    verbs.node,
    output,
    ifKilled,
    scroll,
  );

  function closeDetail() {
    const id = app.state.selected;
    app.select(null);
    /** @type {HTMLElement | null} */
    const card = document.querySelector(`#map [data-id="${CSS.escape(id)}"]`);
    card?.focus();
  }
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') closeDetail();
  });

  app.add(byId('detail-place'), ({ picture, selected }) => {
    const server = picture.servers.find((server) => server.id === selected);
    root.hidden = !server;
    byId('detail-hint').hidden = Boolean(server);
    if (!server) return;
    setText(title, server.id);
    state.update(server.state);
    verbs.update(server);
    known.update([
      server.serverType,
      server.clients ?? '–',
      server.uptimeSeconds > 0 ? duration(server.uptimeSeconds) : '–',
      count(server.restarts),
      server.frontend ? `${count(server.sessions)}, ${count(server.bound)}` : '–',
      server.frontend ? '–' : `${count(server.rooms)}, ${count(server.members)}`,
      rate(server.messagesPerSecond),
      rate(server.deliveriesPerSecond),
      rate(server.errorsPerSecond),
      percentiles(server.p50Ms, server.p99Ms),
      count(server.queue),
      count(server.callsPending),
      bytes(server.bufferBytes),
      String(server.weight),
    ]);
    const isUp = server.state !== 'killed' && server.state !== 'stopped';
    setText(ifKilled, isUp ? `If it is killed: ${consequences('kill', server, picture).join(' ')}` : '');
    const mine = picture.edges.filter((edge) => edge.from === server.id || edge.to === server.id);
    mine.sort((a, b) => b.perSecond - a.perSecond);
    scroll.hidden = mine.length === 0;
    const of = new Map(picture.servers.map((server) => [server.id, server]));
    const rows = mine.slice(0, LINKS_MAX).map((edge) => ({
      ...edge,
      state:
        edge.state !== 'ok' || !of.has(edge.from) || !of.has(edge.to)
          ? edge.state
          : linkState(picture.rules, of.get(edge.from), of.get(edge.to)),
    }));
    keyed(links, rows, (edge) => `${edge.from} ${edge.to}`, linkRow);
  });
}

function linkRow() {
  const name = h('th', { scope: 'row' });
  const state = badge();
  const perSecond = h('td', { class: 'number' });
  const held = h('td', { class: 'number' });
  const update = (edge) => {
    setText(name, `${edge.from} → ${edge.to}`);
    state.update(edge.state);
    setText(perSecond, rate(edge.perSecond));
    setText(held, count(edge.held));
  };
  return { node: h('tr', {}, name, h('td', {}, state.node), perSecond, held), update };
}
