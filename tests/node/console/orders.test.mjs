// What an order will do, in words, and the next server that may be added.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nextServer } from '../../../src/console/web/console/additions.js';
import { consequences, movesInWords, verbsOf, whereRoomsGo } from '../../../src/console/web/console/forecast.js';
import { picture, server } from './support.mjs';

test('a kill says what becomes of rooms and clients', () => {
  const chat = server('chat-1', { rooms: 3, members: 12 });
  const said = consequences('kill', chat, picture([chat, server('chat-2'), server('chat-3')])).join(' ');
  assert.match(said, /3 rooms with 12 members move to 2 other servers/);
  const alone = consequences('kill', chat, picture([chat, server('chat-2', { state: 'killed' })])).join(' ');
  assert.match(alone, /no other chat server/);
  const connector = server('connector-1', { sessions: 1 });
  assert.match(
    consequences('stop', connector, picture([connector])).join(' '),
    /1 client is told .* nobody can log in/,
  );
  assert.match(
    consequences('pause', chat, picture([chat, server('chat-2')])).join(' '),
    /3 rooms with 12 members stay on it/,
  );
});

test('where rooms go is what the cluster says of each, the biggest first, and the rest is counted', async () => {
  const asked = [];
  const api = {
    get: async (path, query) => {
      if (path === 'rooms') {
        return {
          rooms: [
            { room: 'a', server: 'chat-1', members: 5 },
            { room: 'b', server: 'chat-2', members: 4 },
            { room: 'c', server: 'chat-1', members: 2 },
          ],
        };
      }
      asked.push(query.rid);
      return { chat: { withoutIt: query.rid === 'a' ? 'chat-2' : 'chat-3' } };
    },
  };
  const found = await whereRoomsGo(api, server('chat-1', { rooms: 4 }));
  assert.deepEqual(asked, ['a', 'c']);
  assert.deepEqual(found, {
    moves: [
      { room: 'a', members: 5, to: 'chat-2' },
      { room: 'c', members: 2, to: 'chat-3' },
    ],
    rest: 2,
  });
  assert.equal(
    movesInWords(found),
    '2 rooms with 7 members move to chat-2 (1 room) and chat-3 (1 room). So do 2 more rooms, each to the server that the strategy names.',
  );
  assert.equal(movesInWords({ moves: [], rest: 0 }), '');
});

test('every state has verbs, and each can be left', () => {
  for (const state of ['running', 'paused', 'stopped', 'killed', 'restarting', 'stopping'])
    assert.ok(verbsOf(state).length > 1);
  assert.ok(!verbsOf('killed').includes('kill'));
});

test('the next server has a free id and free ports', () => {
  const servers = [
    { id: 'connector-server-1', serverType: 'connector', host: '10.0.0.1', port: 4050, clientPort: 3050 },
    { id: 'connector-server-3', serverType: 'connector', host: '10.0.0.1', port: 4051, clientPort: 4052 },
    { id: 'chat-server-1', serverType: 'chat', host: '127.0.0.1', port: 4053, clientPort: null },
  ];
  assert.deepEqual(nextServer('connector', servers), {
    id: 'connector-server-4',
    host: '10.0.0.1',
    port: 4054,
    clientPort: 4055,
  });
  assert.deepEqual(nextServer('chat', servers), {
    id: 'chat-server-2',
    host: '127.0.0.1',
    port: 4054,
    clientPort: null,
  });
  assert.deepEqual(nextServer('area', []), { id: 'area-server-1', host: '127.0.0.1', port: null, clientPort: null });
});
