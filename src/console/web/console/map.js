// The topology: clients, frontends, router and the servers behind it as cards on a map; a click
// opens the details of a server.

import { mountDetail } from './detail.js';
import { byId, h, keyed, s, setAttribute, setStyle, setText } from './dom.js';
import { drawnFaults, edgesOf, faultsInWords, faultyLinks } from './edges.js';
import { count, plural, rate } from './format.js';
import { hottest } from './heat.js';
import { layoutMap } from './layout.js';
import { badge } from './words.js';

/** @type {import('./app.js').Panel} */
export const map = {
  id: 'topology',
  name: 'Topology',
  html: `
  <div class="section-head"><h2 id="topology-title">Topology</h2><p class="quiet small">messages per second between them; the hottest server of each type is marked</p></div>
  <div class="panel pad"><div id="map"></div></div>
  <div id="detail-place"><p id="detail-hint" class="quiet small">Choose a server on the map for its details, its links and its orders.</p><div id="detail" class="panel pad" role="region" aria-label="Details of the chosen server" hidden></div></div>
`,
  mount,
};

function mount(app) {
  const root = byId('map');
  const lines = s('g', { class: 'edges' });
  const faults = s('g', { class: 'faults' });
  const svg = s('svg', { class: 'wires', 'aria-hidden': 'true' }, lines, faults);
  const groups = h('div');
  const cards = h('div');
  const clients = clientsCard();
  const router = routerCard();
  root.append(svg, clients.node, groups, router.node, cards);
  let layout = null;
  let drawnFor = '';

  new ResizeObserver(() => {
    drawnFor = '';
    app.changed();
  }).observe(root);

  app.add(root, (state) => {
    const { picture, selected } = state;
    const wanted = picture.types.map(({ serverType }) => {
      const servers = picture.servers.filter((server) => server.serverType === serverType);
      return { serverType, frontend: servers[0]?.frontend ?? false, ids: servers.map((server) => server.id) };
    });
    const shape = `${root.clientWidth} ${JSON.stringify(wanted)}`;
    if (shape !== drawnFor) {
      layout = layoutMap(root.clientWidth, wanted);
      drawnFor = shape;
      setStyle(root, 'height', `${Math.ceil(layout.height)}px`);
      setAttribute(svg, 'viewBox', `0 0 ${layout.width} ${layout.height}`);
      at(clients.node, layout.clients);
      at(router.node, layout.router);
    }
    const hot = new Set([...hottest(picture, state.history).values()].map((heat) => heat?.server));
    const found = faultyLinks(picture);
    clients.update(picture.totals);
    router.update(picture, found, layout.isWide);
    keyed(
      groups,
      picture.types,
      (type) => type.serverType,
      () => groupTitle(() => layout),
    );
    keyed(
      cards,
      picture.servers,
      (server) => server.id,
      (server) => card(server, app, () => layout),
    );
    for (const node of cards.children) {
      setAttribute(node, 'aria-pressed', String(node.dataset.id === selected));
      setAttribute(node, 'data-hot', hot.has(node.dataset.id) ? 'true' : null);
      setText(node.querySelector('.hot'), hot.has(node.dataset.id) ? 'hottest' : '');
    }
    keyed(lines, edgesOf(picture, layout), (edge) => edge.key, edgeLine);
    keyed(faults, drawnFaults(found, layout), (fault) => fault.key, faultLine);
  });
  mountDetail(app);
}

function at(node, { x, y, w, h }) {
  setStyle(node, 'transform', `translate(${Math.round(x)}px, ${Math.round(y)}px)`);
  setStyle(node, 'width', `${Math.round(w)}px`);
  setStyle(node, 'height', `${Math.round(h)}px`);
}

function groupTitle(layout) {
  const name = h('b');
  const running = h('span', { class: 'quiet' });
  const node = h('div', { class: 'group' }, name, ' ', running);
  let box = null;
  return {
    node,
    update: (type) => {
      const now = layout().groups.get(type.serverType);
      if (now !== box) at(node, { ...now, h: 20 });
      box = now;
      setText(name, type.serverType);
      setText(running, `${type.listed.length} on the list${type.isChanging ? ', changing' : ''}`);
    },
  };
}

function card(server, app, layout) {
  const name = h('span', { class: 'name' }, server.id);
  const hot = h('span', { class: 'hot' });
  const state = badge();
  const does = h('span', { class: 'number' });
  const has = h('span', { class: 'has quiet' });
  const node = h(
    'button',
    {
      type: 'button',
      class: 'card server',
      'data-id': server.id,
      onclick: () => app.select(app.state.selected === server.id ? null : server.id),
    },
    h('span', { class: 'top' }, name, hot),
    h('span', { class: 'row' }, state.node, does),
    has,
  );
  let box = null;
  return {
    node,
    update: (server) => {
      const now = layout().servers.get(server.id);
      if (now !== box) {
        at(node, now);
        node.classList.toggle('tile', layout().groups.get(server.serverType).isDense);
      }
      box = now;
      state.update(server.state);
      setText(does, `${rate(server.messagesPerSecond)}/s`);
      setText(has, holds(server));
      setAttribute(node, 'data-state', server.state);
    },
  };
}

function holds(server) {
  if (server.frontend) return plural(server.sessions, 'session');
  return `${plural(server.rooms, 'room')}, ${plural(server.members, 'member')}`;
}

function clientsCard() {
  const sessions = h('b');
  const sent = h('span');
  const got = h('span');
  const node = h('div', { class: 'card clients' }, h('span', { class: 'top' }, 'clients'), sessions, sent, got);
  return {
    node,
    update: (totals) => {
      setText(sessions, `${count(totals.sessions)} connected`);
      setText(sent, `${rate(totals.messagesPerSecond)}/s sent`);
      setText(got, `${rate(totals.deliveriesPerSecond)}/s got`);
    },
  };
}

function routerCard() {
  const rows = h('div', { class: 'strategies' });
  const moved = h('span', { class: 'quiet' });
  const wrong = h('b', { class: 'wrong' });
  const node = h('div', { class: 'card router' }, h('span', { class: 'top' }, 'router'), rows, moved, wrong);
  const row = () => {
    const type = h('span', { class: 'quiet' });
    const strategy = h('span');
    const update = (picture) => {
      setText(type, picture.serverType);
      setText(strategy, picture.strategy);
    };
    return { node: h('div', {}, type, ' ', strategy), update };
  };
  return {
    node,
    update: (picture, faults, isWide) => {
      node.classList.toggle('slim', !isWide);
      keyed(
        rows,
        picture.types.filter((type) => type.listed.length > 1),
        (type) => type.serverType,
        row,
      );
      setText(moved, picture.totals.roomsMoved > 0 ? `${plural(picture.totals.roomsMoved, 'room')} moved` : '');
      setText(wrong, faultsInWords(faults));
    },
  };
}

function edgeLine() {
  const path = s('path', { class: 'edge' });
  const label = s('text', {});
  const update = (edge) => {
    setAttribute(path, 'd', edge.path);
    setAttribute(path, 'stroke-width', edge.width);
    setAttribute(label, 'x', edge.x);
    setAttribute(label, 'y', edge.y);
    setAttribute(label, 'text-anchor', edge.anchor);
    setText(label, edge.label);
  };
  return { node: s('g', {}, path, label), update };
}

function faultLine(fault) {
  const path = s('path', { class: `fault ${fault.state}` });
  const label = s('text', { class: fault.state, 'text-anchor': 'middle' }, fault.state);
  const update = (fault) => {
    setAttribute(path, 'd', fault.path);
    setAttribute(label, 'x', fault.x);
    setAttribute(label, 'y', fault.y);
  };
  return { node: s('g', {}, path, label), update };
}
