// The timeline: events next to the load at that time.

import { byId, h, keyed, setText } from './dom.js';
import { GROUPS, groupOf, marks } from './events.js';
import { clock, count, ms, rate } from './format.js';
import { Plot } from './plot.js';
import { bucketed, greatest, niceTop } from './series.js';

const SHOWN_MS = 300_000;

/** Rows that are shown, the newest first. */
const ROWS_MAX = 200;

const NAMES = {
  broke: 'broke or stopped',
  came: 'started, added, removed',
  rooms: 'strategies and moves',
  links: 'links',
  people: 'kicks and robots',
};

const PLOTS = [
  { title: 'messages/s', names: ['messagesPerSecond'], text: rate },
  { title: 'deliveries/s', names: ['deliveriesPerSecond'], text: rate },
  { title: 'p50 and p99', lines: ['p50', 'p99'], names: ['p50Ms', 'p99Ms'], text: ms },
  { title: 'sessions', names: ['sessions'], text: count },
];

/** @type {import('./app.js').Panel} */
export const timeline = {
  id: 'timeline',
  name: 'Timeline',
  html: `
  <div class="section-head"><h2 id="timeline-title">Timeline</h2><fieldset id="timeline-filters" class="row"><legend class="unseen">Kinds of events</legend></fieldset></div>
  <div class="panel pad">
    <div id="timeline-plots" class="strips pair"></div>
    <p id="timeline-empty" class="quiet small">No events of these kinds yet.</p>
    <div class="scroll tall-box" tabindex="0" role="region" aria-label="Events"><table><caption class="unseen">Events, the newest first</caption><thead><tr><th scope="col">time</th><th scope="col">kind</th><th scope="col">server</th><th scope="col">what happened</th></tr></thead><tbody id="timeline-rows"></tbody></table></div>
  </div>
`,
  mount,
};

function mount(app) {
  const rows = byId('timeline-rows');
  const filters = byId('timeline-filters');
  const off = new Set();
  for (const group of Object.keys(GROUPS)) {
    const box = h('input', { type: 'checkbox', id: `group-${group}`, checked: true });
    box.addEventListener('change', () => {
      if (box.checked) off.delete(group);
      else off.add(group);
      app.changed();
    });
    filters.append(
      h(
        'span',
        { class: 'check' },
        box,
        h('label', { for: `group-${group}`, class: `key mark-${group}` }, NAMES[group]),
      ),
    );
  }
  const plots = PLOTS.map((shown) => plotBox(shown));
  byId('timeline-plots').append(...plots.map((plot) => plot.node));

  app.add(byId('timeline'), (state) => {
    const { history, picture, events } = state;
    const wanted = events.filter((event) => !off.has(groupOf(event.kind)));
    const until = history.times.at(-1) ?? picture.atMs;
    const span = { from: until - SHOWN_MS, until, marks: marks(wanted, until - SHOWN_MS, until, 80) };
    for (const plot of plots) plot.update(history, span);
    const shown = wanted.slice(-ROWS_MAX).reverse();
    keyed(
      rows,
      shown,
      (event) => event.seq,
      (event) => eventRow(app, event),
    );
    byId('timeline-empty').hidden = shown.length > 0;
  });
}

/** @param {{ title: string, lines?: string[], names: string[], text: (n: number) => string }} shown */
function plotBox({ title, lines, names, text }) {
  const plot = new Plot(names.length, 'strip tall');
  const now = h('b', { class: 'number' });
  const scale = h('span', { class: 'quiet small' });
  const node = h(
    'div',
    { class: 'strip-box' },
    h(
      'div',
      { class: 'row' },
      h(
        'span',
        {},
        ...(lines ?? []).flatMap((line, index) => [
          index > 0 ? ' and ' : '',
          h('span', { class: `name-${index + 1}` }, line),
        ]),
        lines ? '' : title,
      ),
      scale,
      now,
    ),
    plot.node,
  );
  const update = (history, span) => {
    const lists = names.map((name) => history.totals[name]);
    const top = niceTop(greatest(lists));
    const points = lists.map((list) => bucketed(history.times, list, span.from, span.until, 1000));
    plot.draw(points, {
      ...span,
      tops: lists.map(() => top),
      label: `${title} of the cluster, last 5 minutes, now ${lists.map((list) => text(list.at(-1))).join(' and ')}`,
    });
    setText(now, lists.map((list) => text(list.at(-1))).join(' / '));
    setText(scale, `0 to ${text(top)}`);
  };
  return { node, update };
}

function eventRow(app, event) {
  const server = event.server
    ? h('button', { type: 'button', class: 'link', onclick: () => app.show(event.server) }, event.server)
    : '';
  return {
    node: h(
      'tr',
      {},
      h('td', { class: 'mono' }, clock(event.atMs)),
      h('td', {}, h('span', { class: `key mark-${groupOf(event.kind)}` }, event.kind)),
      h('td', {}, server),
      h('td', { class: 'foreign' }, event.text),
    ),
  };
}
