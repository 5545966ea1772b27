// The map: places that do not overlap, edges between them, links with faults, and who is the hottest.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  FAULTS_MAX,
  drawnFaults,
  edgesOf,
  faultsInWords,
  faultyLinks,
} from '../../../src/console/web/console/edges.js';
import { hottest } from '../../../src/console/web/console/heat.js';
import { History } from '../../../src/console/web/console/history.js';
import { CARDS_MAX, layoutMap, thickness } from '../../../src/console/web/console/layout.js';
import { linkState, ruleWords } from '../../../src/console/web/console/links.js';
import { picture, server } from './support.mjs';

const many = (stem, n) => Array.from({ length: n }, (_, index) => `${stem}-${index + 1}`);

function groups(connectors, chats) {
  return [
    { serverType: 'connector', frontend: true, ids: many('connector', connectors) },
    { serverType: 'gate', frontend: true, ids: ['gate-1'] },
    { serverType: 'chat', frontend: false, ids: many('chat', chats) },
  ];
}

test('no card covers another, and all lie on the map, at every width and size', () => {
  for (const width of [280, 500, 719, 720, 1_000, 1_440]) {
    for (const [connectors, chats] of [
      [3, 3],
      [1, 1],
      [CARDS_MAX + 1, 3],
      [50, 50],
      [0, 2],
    ]) {
      const map = layoutMap(width, groups(connectors, chats));
      const boxes = [...map.servers.values(), map.router, map.clients];
      for (const [index, a] of boxes.entries()) {
        assert.ok(a.w > 0 && a.x >= 0 && a.x + a.w <= width + 0.5, `${width} ${JSON.stringify(a)}`);
        assert.ok(a.y >= 0 && a.y + a.h <= map.height + 0.5, `${width} ${JSON.stringify(a)}`);
        for (const b of boxes.slice(index + 1)) {
          const apart =
            a.x + a.w <= b.x + 0.5 || b.x + b.w <= a.x + 0.5 || a.y + a.h <= b.y + 0.5 || b.y + b.h <= a.y + 0.5;
          assert.ok(apart, `${width}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`);
        }
      }
    }
  }
});

test('an edge carries what goes both ways, and many servers share one', () => {
  const servers = [...many('connector', 2), ...many('chat', CARDS_MAX + 1)].map((id) =>
    server(id, { messagesPerSecond: 5 }),
  );
  const edges = [
    { from: 'connector-1', to: 'chat-1', perSecond: 10, held: 0, state: 'ok' },
    { from: 'chat-1', to: 'connector-1', perSecond: 20, held: 0, state: 'ok' },
  ];
  const map = layoutMap(1_200, [
    { serverType: 'connector', frontend: true, ids: many('connector', 2) },
    { serverType: 'chat', frontend: false, ids: many('chat', CARDS_MAX + 1) },
  ]);
  const drawn = new Map(edgesOf(picture(servers, { edges }), map).map((edge) => [edge.key, edge.label]));
  assert.deepEqual(Object.fromEntries(drawn), {
    'connector-1 router': '30/s',
    'clients connector-1': '5.0/s',
    'connector-2 router': '',
    'clients connector-2': '5.0/s',
    'chat router': '30/s',
  });
  assert.equal(thickness(0, 10), 1);
  assert.equal(thickness(10, 10), 7);
});

test('the first rule that holds for a link says how it is', () => {
  const [connector, chat] = [server('connector-1'), server('chat-1')];
  const rules = [
    { name: 'a', from: 'chat', to: 'connector-1', latency: '20ms' },
    { name: 'b', from: '*', to: 'chat-1', cut: true },
  ];
  assert.equal(linkState(rules, connector, chat), 'cut');
  assert.equal(linkState(rules, chat, connector), 'slow');
  assert.equal(linkState([{ from: 'chat', to: 'connector', both: true, loss: 0.1 }], connector, chat), 'lossy');
  assert.equal(linkState([], connector, chat), 'ok');
  const links = faultyLinks(picture([connector, chat], { rules }));
  assert.deepEqual(links, [{ key: 'connector-1 chat-1 cut', from: 'connector-1', to: 'chat-1', state: 'cut' }]);
  assert.equal(faultsInWords([...links, ...links, { state: 'slow' }]), '2 links cut, 1 slow');
  assert.equal(faultsInWords([]), '');
  assert.equal(ruleWords({ latency: '20ms..50ms', loss: 0.005 }), 'takes 20ms..50ms, 0.5 % lost and sent again');
});

test('words of faults stand between their servers, and there are not too many', () => {
  const ids = [...many('connector', 5), ...many('chat', 5)];
  const rules = [{ from: 'connector', to: 'chat', cut: true }];
  const links = faultyLinks(
    picture(
      ids.map((id) => server(id)),
      { rules },
    ),
  );
  assert.equal(links.length, 25);
  const map = layoutMap(1_200, groups(5, 5));
  const drawn = drawnFaults(links, map);
  assert.equal(drawn.length, FAULTS_MAX);
  for (const { from, x } of drawn)
    assert.ok(x > map.servers.get(from).x + map.servers.get(from).w && x < map.router.x, `${x}`);
});

test('the hottest has the most messages, or the most load while there are none; even types have none', () => {
  const history = new History();
  const take = (atMs, ...rates) => {
    const seen = picture(
      rates.map((rate, index) => server(`chat-${index + 1}`, { messagesPerSecond: rate, load: 9 - index })),
      { atMs },
    );
    history.take(seen);
    return hottest(seen, history).get('chat');
  };
  assert.equal(take(1, 0, 0, 0).server, 'chat-1');
  const { server: id, by, ratio } = take(2, 10, 80, 30);
  assert.deepEqual([id, by], ['chat-2', 'messagesPerSecond']);
  assert.ok(ratio > 1.9 && ratio < 2.1);
  const even = picture([server('chat-8', { load: 5 }), server('chat-9', { load: 5 })]);
  assert.equal(hottest(even, new History()).get('chat'), null);
  const alone = picture([server('chat-8', { load: 5 })]);
  assert.equal(hottest(alone, new History()).get('chat'), null);
});
