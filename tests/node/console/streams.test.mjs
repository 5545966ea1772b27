// Events, traces and robots: what comes in pieces, put together.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GROUPS, groupOf, marks, merged } from '../../../src/console/web/console/events.js';
import { fromSlider, reportInWords, statusInWords, toSlider } from '../../../src/console/web/console/robots.js';
import { MESSAGES_MAX, Traces, stepWords, summary } from '../../../src/console/web/console/traces.js';

test('events come once each, and a cluster that began anew begins anew', () => {
  const event = (seq) => ({ seq, atMs: seq, kind: 'killed', text: '' });
  let events = merged([], [event(1), event(2)], 3);
  events = merged(events, [event(2), event(3)], 4);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.deepEqual(
    merged(events, [event(0), event(1)], 2).map(({ seq }) => seq),
    [0, 1],
  );
  assert.deepEqual(
    marks(events, 2, 3).map(({ seq }) => seq),
    [2, 3],
  );
  assert.equal(Object.values(GROUPS).flat().length, 16);
  assert.equal(groupOf('killed'), 'broke');
  assert.equal(groupOf('of tomorrow'), 'people');
});

const step = (seq, trace, what, more = {}) => ({ seq, trace, atMs: 1_000 + seq / 10, what, ...more });

test('the steps of a message become one row, whatever order messages come in', () => {
  const traces = new Traces();
  const steps = [
    step(1, 7, 'received', {
      server: 'connector-1',
      route: 'chat.chatHandler.send',
      kind: 'request',
      uid: 'alice',
      rid: 'lobby',
      bytes: 4,
    }),
    step(2, 8, 'received', { server: 'connector-2', route: 'x' }),
    step(3, 7, 'handled', { server: 'chat-1', error: null }),
    step(4, 7, 'delivered', { server: 'connector-1', sessions: 3 }),
    step(5, 7, 'answered', { server: 'connector-1', tookUs: 420, error: null }),
  ];
  assert.equal(traces.take(steps, 6), true);
  assert.equal(traces.take(steps, 6), false);
  const [newest, first] = traces.newest();
  assert.equal(newest.trace, 8);
  const { uid, route, way, deliveries, tookUs, error } = summary(first);
  assert.deepEqual(
    { uid, route, way, deliveries, tookUs, error },
    {
      uid: 'alice',
      route: 'chat.chatHandler.send',
      way: ['connector-1', 'chat-1'],
      deliveries: 3,
      tookUs: 420,
      error: null,
    },
  );
  assert.match(stepWords(first.steps[0]), /request chat\.chatHandler\.send, of alice in lobby/);
  assert.match(stepWords({ what: 'held', to: 'chat-1', reason: 'link' }), /waits on its way to chat-1: the link/);
  assert.match(stepWords({ what: 'of tomorrow' }), /of tomorrow/);
});

test('the last two hundred messages are kept', () => {
  const traces = new Traces();
  for (let seq = 0; seq < 1_000; seq += 1) traces.take([step(seq, seq, 'received')]);
  assert.equal(traces.messages.size, MESSAGES_MAX);
  assert.equal(traces.newest()[0].trace, 999);
  traces.take([step(0, 5, 'received')], 1);
  assert.deepEqual(
    traces.newest().map(({ trace }) => trace),
    [5],
    'a cluster that began anew',
  );
});

test('a slider goes from one to many, and back to where it was', () => {
  assert.equal(fromSlider(0, 1, 20_000), 1);
  assert.equal(fromSlider(1_000, 1, 20_000), 20_000);
  for (const value of [1, 10, 100, 200, 2_000]) assert.equal(fromSlider(toSlider(value, 1, 20_000), 1, 20_000), value);
});

test('robots say what they do, and whether all arrived', () => {
  assert.equal(statusInWords(null), 'No robots run.');
  assert.match(
    statusInWords({
      running: true,
      phase: 'talk',
      elapsedSeconds: 70,
      plan: { users: 100, rooms: 1, messagesPerSecond: 50 },
    }),
    /^talk: 100 users in 1 room, 50 messages a second planned, for 1 min 10 s/,
  );
  assert.equal(reportInWords(null), '');
  const clean = {
    sends: { count: 1 },
    deliveries: { count: 3 },
    integrity: { lost: 0, doubled: 0, disordered: 0, foreign: 0, unanswered: 0 },
  };
  assert.match(
    reportInWords(clean),
    /^1 message sent, 3 deliveries: every message reached everybody once, in one order; 0 lost/,
  );
  const errors = { 'gate: timeout': 1, 'enter: 500': 4, 'send: not logged in': 9 };
  assert.equal(reportInWords({ ...clean, logins: { ok: 0 }, sent: 0, errors }), 'nobody got in: enter: 500.');
  assert.equal(reportInWords({ ...clean, logins: { ok: 2 }, sent: 0 }), 'nothing was sent.');
  const silent = { ...clean, logins: { ok: 2 }, sent: 0, plan: { senders: 0 } };
  assert.match(reportInWords(silent), /^1 message sent/);
  const wrong = { ...clean, integrity: { lost: 2, disordered: 1 } };
  assert.match(reportInWords(wrong), /: 2 lost, 1 out of order\.$/);
});
