// The edges between the boxes of the map: traffic on each, and which links are slow, lossy or cut.

import { count, plural, rate } from './format.js';
import { curve, sideOf, thickness } from './layout.js';
import { pairState, worse } from './links.js';

/** Most links with a fault that are drawn one by one. */
export const FAULTS_MAX = 12;

/**
 * The edges of a picture on a map, as `{key, path, width, label, x, y, anchor}`: from the clients
 * to the frontends, from these to the router, from the router to the servers behind it. A group of
 * tiles has one.
 */
export function edgesOf(picture, map) {
  const ends = endsOf(picture, map);
  const busiest = Math.max(...ends.map((end) => Math.max(end.fromClients ?? 0, end.carried)), 0);
  const edges = [];
  for (const { key, box, frontend, fromClients, carried } of ends) {
    const inner = sideOf(box, frontend ? 'right' : 'left');
    const router = sideOf(map.router, frontend ? 'left' : 'right');
    edges.push(
      edge(`${key} router`, frontend ? inner : router, frontend ? router : inner, carried, busiest, [
        inner,
        frontend ? 'start' : 'end',
      ]),
    );
    if (!frontend) continue;
    if (map.isWide) {
      const outer = sideOf(box, 'left');
      edges.push(edge(`clients ${key}`, sideOf(map.clients, 'right'), outer, fromClients, busiest, [outer, 'end']));
    }
  }
  // Without room for labels, the cards show the numbers.
  return map.isWide ? edges : edges.map((edge) => ({ ...edge, label: '' }));
}

/** Links with a fault between a frontend and a server behind it, as `{key, from, to, state}`. */
export function faultyLinks(picture) {
  if (picture.rules.length === 0 && picture.edges.every((edge) => edge.state === 'ok')) return [];
  const seen = new Map(picture.edges.map((edge) => [`${edge.from} ${edge.to}`, edge.state]));
  const found = [];
  for (const from of picture.servers.filter((server) => server.frontend)) {
    for (const to of picture.servers.filter((server) => !server.frontend)) {
      const there = seen.get(`${from.id} ${to.id}`) ?? 'ok';
      const back = seen.get(`${to.id} ${from.id}`) ?? 'ok';
      const state = worse(pairState(picture.rules, from, to), worse(there, back));
      if (state !== 'ok') found.push({ key: `${from.id} ${to.id} ${state}`, from: from.id, to: to.id, state });
    }
  }
  return found;
}

/** `2 links cut, 1 slow`; nothing when there are none. */
export function faultsInWords(links) {
  const counts = ['cut', 'lossy', 'slow'].map((state) => [state, links.filter((link) => link.state === state).length]);
  const some = counts.filter(([, n]) => n > 0);
  return some.map(([state, n], index) => `${index === 0 ? plural(n, 'link') : count(n)} ${state}`).join(', ');
}

/** How the first of these links are drawn on a map: with `path`, and with `x` and `y` of their word. */
export function drawnFaults(links, map) {
  return links.slice(0, FAULTS_MAX).map((link, index) => {
    const [x1, y1] = sideOf(map.servers.get(link.from), 'right');
    const [x2, y2] = sideOf(map.servers.get(link.to), 'left');
    // Place the labels before the router, where the curves are apart, and stagger them.
    const t = [0.1, 0.17, 0.24][index % 3];
    return { ...link, path: curve(x1, y1, x2, y2), x: x1 + (x2 - x1) * across(t), y: y1 + (y2 - y1) * bent(t) - 3 };
  });
}

/** How far along `x` a curve with its handles in the middle has come at `t`. */
function across(t) {
  return 1.5 * t * (1 - t) ** 2 + 1.5 * t * t * (1 - t) + t ** 3;
}

/** How far a curve that is level at both ends has come over at `t`. */
function bent(t) {
  return 3 * t * t - 2 * t * t * t;
}

function endsOf(picture, map) {
  const carried = new Map();
  for (const { from, to, perSecond } of picture.edges) {
    carried.set(from, (carried.get(from) ?? 0) + perSecond);
    carried.set(to, (carried.get(to) ?? 0) + perSecond);
  }
  const ends = new Map();
  for (const server of picture.servers) {
    const group = map.groups.get(server.serverType);
    const key = group.isDense ? server.serverType : server.id;
    const end = ends.get(key) ?? {
      key,
      box: group.isDense ? group : map.servers.get(server.id),
      frontend: server.frontend,
      carried: 0,
      fromClients: 0,
    };
    end.carried += carried.get(server.id) ?? 0;
    end.fromClients += server.frontend ? server.messagesPerSecond : 0;
    ends.set(key, end);
  }
  return [...ends.values()];
}

/** @param {any[]} label where it stands and its anchor: `[[x, y], anchor]` */
function edge(key, from, to, perSecond, busiest, label) {
  const [[x, y], anchor] = label;
  return {
    key,
    path: curve(...from, ...to),
    width: thickness(perSecond, busiest).toFixed(1),
    label: perSecond >= 0.05 ? `${rate(perSecond)}/s` : '',
    x: (anchor === 'start' ? x + 7 : x - 7).toFixed(0),
    y: (y - 6).toFixed(0),
    anchor,
  };
}
