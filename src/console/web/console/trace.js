// The message trace: off until it is turned on; each message is a row that opens into its steps.

import { byId, fields, h, keyed, setAttribute, setText } from './dom.js';
import { clock, count, duration } from './format.js';
import { micros, stepWords, summary } from './traces.js';

/** @type {import('./app.js').Panel} */
export const trace = {
  id: 'trace',
  name: 'Trace',
  html: `
  <div class="section-head"><h2 id="trace-title">Message trace</h2><span id="trace-state" class="badge" data-state="idle">off</span></div>
  <div class="panel pad">
    <form id="trace-form"><fieldset data-changes class="fields">
      <legend class="unseen">Which messages</legend>
      <div class="field"><label for="trace-uid">user (uid)</label><input id="trace-uid" name="uid" autocomplete="off" size="10"></div>
      <div class="field"><label for="trace-rid">room (rid)</label><input id="trace-rid" name="rid" autocomplete="off" size="10"></div>
      <div class="field"><label for="trace-route">route</label><input id="trace-route" name="route" autocomplete="off" size="20" list="routes"></div>
      <div class="field"><label for="trace-server">server</label><input id="trace-server" name="server" autocomplete="off" size="16" list="ends"></div>
      <div class="field"><label for="trace-seconds">for seconds</label><input id="trace-seconds" name="seconds" type="number" min="1" max="3600" value="300"></div>
      <button type="submit" class="primary">Trace on</button>
      <button id="trace-off" type="button">Trace off</button>
    </fieldset></form>
    <div class="row"><button id="trace-pause" type="button" class="small" aria-pressed="false">Pause the display</button><button id="trace-clear" type="button" class="small">Clear</button><span id="trace-skipped" class="quiet small"></span></div>
    <p id="trace-output" class="output" role="status"></p>
    <p id="trace-empty" class="quiet small">No messages yet. A trace that is on keeps the steps of each message that fits: gate or connector, router, chat server, pushes. The last 200 are kept here.</p>
    <div id="trace-rows" class="messages"></div>
  </div>
`,
  mount,
};

function mount(app) {
  const form = byId('trace-form');
  const output = byId('trace-output');
  const rows = byId('trace-rows');
  const pause = byId('trace-pause');
  let isPaused = false;
  let heardAt = 0;
  let heard = null;

  const take = (trace) => {
    if (!trace) return;
    // Only the state: steps come only through the stream, in order.
    app.state.trace = trace;
    app.changed();
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const filter = Object.fromEntries(Object.entries(fields(form)).filter(([, value]) => value !== ''));
    if (filter.seconds) filter.seconds = Number(filter.seconds);
    take(await app.notices.attempt(output, () => app.api.put('trace', filter)));
  });
  byId('trace-off').addEventListener('click', async () =>
    take(await app.notices.attempt(output, () => app.api.delete('trace'))),
  );
  byId('trace-clear').addEventListener('click', () => {
    app.state.traces.clear();
    rows.replaceChildren();
    keyed(rows, [], (message) => message.trace, message);
    app.changed();
  });
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    setAttribute(pause, 'aria-pressed', String(isPaused));
    app.changed();
  });

  app.add(byId('trace'), (state) => {
    if (state.trace !== heard) {
      heard = state.trace;
      heardAt = Date.now();
    }
    const isOn = heard?.on ?? false;
    const left = isOn ? Math.max(0, (heard.secondsLeft ?? 0) - (Date.now() - heardAt) / 1000) : 0;
    setText(byId('trace-state'), isOn ? `on for ${duration(left)}: ${filterWords(heard.filter)}` : 'off');
    setAttribute(byId('trace-state'), 'data-state', isOn ? 'good' : 'idle');
    byId('trace-off').disabled = !isOn || !state.canChange;
    const skipped =
      heard?.skipped > 0 ? `${count(heard.skipped)} messages were skipped: there are too many to keep each. ` : '';
    setText(
      byId('trace-skipped'),
      `${skipped}${isOn && heard.bodies ? 'What users wrote is shown only with the token.' : ''}`,
    );
    if (isPaused) return;
    const messages = state.traces.newest();
    keyed(rows, messages, (message) => message.trace, message);
    byId('trace-empty').hidden = messages.length > 0;
  });
}

function filterWords(filter) {
  const words = Object.entries(filter ?? {})
    .filter(([name, value]) => value != null && name !== 'seconds')
    .map(([name, value]) => `${name} ${value}`);
  return words.join(', ') || 'every message';
}

/** A row: closed, one line; its steps are made when it is opened, and followed while it is. */
function message() {
  const at = h('span', { class: 'mono' });
  const who = h('span', { class: 'foreign' });
  const route = h('span', { class: 'mono foreign' });
  const way = h('span', { class: 'quiet' });
  const took = h('span', { class: 'number' });
  const steps = h('ol', { class: 'steps' });
  const node = h('details', { class: 'message' }, h('summary', {}, at, who, route, way, took), steps);
  let now = null;
  let seen = 0;
  const open = () => {
    if (!node.open) return;
    const first = now.steps[0].atMs;
    keyed(
      steps,
      now.steps,
      (step) => step.seq,
      (step) => ({ node: stepRow(step, first) }),
    );
  };
  node.addEventListener('toggle', open);
  const update = (traced) => {
    now = traced;
    if (traced.steps.length === seen) return;
    seen = traced.steps.length;
    const row = summary(traced);
    setText(at, clock(row.atMs, true));
    setText(who, `${row.uid ?? '?'}${row.rid ? ` in ${row.rid}` : ''}`);
    setText(route, `${row.kind} ${row.route}`.trim());
    setText(way, `${row.way.join(' → ')}${row.deliveries > 0 ? ` → ${count(row.deliveries)} sessions` : ''}`);
    setText(took, row.error ? `failed, ${micros(row.tookUs)}` : micros(row.tookUs));
    setAttribute(node, 'data-state', row.error ? 'bad' : null);
    open();
  };
  return { node, update };
}

function stepRow(step, first) {
  const row = h(
    'li',
    {},
    h('span', { class: 'number mono' }, `+${micros((step.atMs - first) * 1000)}`),
    h('b', {}, step.server ?? 'router'),
    h('span', { class: 'foreign' }, stepWords(step)),
  );
  if (step.body) row.append(h('code', { class: 'foreign body' }, step.body));
  return row;
}
