// Balance: the load of each server over the last minutes on one scale, and its evenness in numbers.

import { byId, h, keyed, setAttribute, setText } from './dom.js';
import { marks } from './events.js';
import { count, rate, ratio } from './format.js';
import { hottest } from './heat.js';
import { Plot } from './plot.js';
import { bucketed, greatest, niceTop } from './series.js';
import { strategyForm } from './strategy.js';

const SHOWN_MS = 300_000;

/** Most points of all strips of a type: many servers get coarser ones. */
const POINTS_MAX = 3000;

/** @type {import('./app.js').Panel} */
export const balance = {
  id: 'balance',
  name: 'Balance',
  html: `
  <div class="section-head"><h2 id="balance-title">Balance</h2>
    <fieldset class="choice"><legend class="unseen">What is compared</legend><input type="radio" name="measure" id="measure-load" value="load" checked><label for="measure-load">sessions and members</label><input type="radio" name="measure" id="measure-messages" value="messagesPerSecond"><label for="measure-messages">messages/s</label></fieldset>
    <details class="words"><summary>What do the numbers mean?</summary><p><b>Peak/mean</b> is the load of the fullest server by the mean of all: 1.00 is even, 2.00 means that one server has twice its share. <b>Jain</b>'s index looks at all servers at once: 1.00 is even, and with <i>n</i> servers 1/<i>n</i> means that one has everything.</p></details></div>
  <div id="balance-types"></div>
  <p id="balance-single" class="quiet small"></p>
`,
  mount,
};

function mount(app) {
  const root = byId('balance-types');
  /** @type {NodeListOf<HTMLInputElement>} */
  const radios = document.querySelectorAll('input[name="measure"]');
  const measures = [...radios];
  const measure = () => measures.find((input) => input.checked).value;
  for (const input of measures) input.addEventListener('change', () => app.changed());

  app.add(byId('balance'), (state) => {
    const types = state.picture.types.filter(
      (type) => state.picture.servers.filter((server) => server.serverType === type.serverType).length > 1,
    );
    const single = state.picture.types.filter((type) => !types.includes(type)).map((type) => type.serverType);
    const hot = hottest(state.picture, state.history);
    const shown = types.map((type) => ({ type, state, by: measure(), hot: hot.get(type.serverType)?.server }));
    keyed(
      root,
      shown,
      ({ type }) => type.serverType,
      ({ type }) => block(app, type.serverType),
    );
    setText(byId('balance-single'), single.length > 0 ? `${single.join(', ')}: one server, nothing to balance.` : '');
  });
}

function block(app, serverType) {
  const title = h('h3', {}, serverType);
  const figures = { peak: h('b'), jain: h('b'), scale: h('span', { class: 'quiet' }) };
  const peak = new Plot(1, 'tiny');
  const strips = h('div', { class: 'strips' });
  const form = strategyForm(app, serverType);
  const node = h(
    'div',
    { class: 'balance-type panel' },
    h(
      'div',
      { class: 'row' },
      title,
      h('span', {}, 'peak/mean ', figures.peak),
      h('span', {}, 'Jain ', figures.jain),
      peak.node,
      figures.scale,
    ),
    strips,
    form.node,
  );
  const update = ({ type, state, by, hot }) => {
    const { history, picture } = state;
    const servers = picture.servers.filter((server) => server.serverType === serverType);
    const until = history.times.at(-1) ?? picture.atMs;
    const from = until - SHOWN_MS;
    const top = niceTop(greatest(servers.map((server) => history.server(server.id)[by])));
    const bucketMs = 1000 * Math.max(2, Math.ceil((servers.length * SHOWN_MS) / 1000 / POINTS_MAX));
    const marked = marks(state.events, from, until, servers.length > 12 ? 12 : 40);
    const words = by === 'messagesPerSecond' ? 'messages/s' : servers[0].frontend ? 'sessions' : 'members';
    const now = by === 'load' ? type.byCount : type.byMessages;
    setText(figures.peak, ratio(peakOf(now)));
    setText(figures.jain, ratio(now?.jain));
    setText(figures.scale, `${words}, 0 to ${rate(top)}, last 5 minutes`);
    const peaks = (history.types.get(serverType)?.[by === 'load' ? 'byCount' : 'byMessages'] ?? []).map(peakOf);
    peak.draw([bucketed(history.times, peaks, from, until, 2000)], {
      from,
      until,
      tops: [Math.max(2, greatest([peaks]))],
      marks: marked,
      label: `peak to mean of ${serverType}: now ${ratio(peakOf(now))}`,
    });
    const shown = servers.map((server) => ({
      server,
      values: history.server(server.id)[by],
      by,
      words,
      hot: server.id === hot,
      draw: { from, until, tops: [top], marks: marked },
      points: bucketed(history.times, history.server(server.id)[by], from, until, bucketMs),
    }));
    setAttribute(strips, 'data-many', servers.length > 12 ? 'true' : null);
    keyed(
      strips,
      shown,
      ({ server }) => server.id,
      () => strip(),
    );
    form.update(type);
  };
  return { node, update };
}

function peakOf(balance) {
  return balance?.peakToMean ?? null;
}

function strip() {
  const name = h('span', { class: 'name' });
  const hot = h('span', { class: 'hot' });
  const value = h('b', { class: 'number' });
  const plot = new Plot(1, 'strip');
  const node = h('div', { class: 'strip-box' }, h('div', { class: 'row' }, name, hot, value), plot.node);
  const update = ({ server, values, by, words, hot: isHot, draw, points }) => {
    const isDown = server.state !== 'running';
    setText(name, server.id);
    setText(hot, isDown ? server.state : isHot ? 'hottest' : '');
    setAttribute(node, 'data-state', server.state);
    const now = values.at(-1) ?? null;
    setText(value, by === 'load' ? count(now) : rate(now));
    plot.draw([points], {
      ...draw,
      label: `${words} of ${server.id}: now ${rate(now)}, at most ${rate(greatest([values]))}`,
    });
  };
  return { node, update };
}
