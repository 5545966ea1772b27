// The head: the cluster, its load, whether the view is live, the theme, and the hottest server in a
// sentence.

import { byId, h, setAttribute, setText } from './dom.js';
import { faultsInWords, faultyLinks } from './edges.js';
import { bytes, count, duration, percentiles, plural, rate } from './format.js';
import { hottest } from './heat.js';

const STREAM = {
  connecting: ['warn', 'connecting'],
  live: ['good', 'live'],
  lost: ['bad', 'lost, trying again'],
  paused: ['idle', 'paused'],
};

const THEMES = ['system', 'light', 'dark'];

/**
 * @param {import('./app.js').App} app
 * @returns {(stream: string) => void} shows how the live stream is
 */
export function mountHead(app) {
  /** @type {NodeListOf<HTMLElement>} */
  const shown = document.querySelectorAll('[data-total]');
  const total = Object.fromEntries([...shown].map((node) => [node.dataset.total, node]));
  mountTheme();
  mountToken(app);
  byId('find').addEventListener('submit', (event) => {
    event.preventDefault();
    app.people.find(byId('find-text').value.trim());
  });

  app.add(byId('head'), (state) => {
    const { cluster, totals } = state.picture;
    setText(byId('cluster-env'), cluster.env);
    setAttribute(
      byId('cluster-env'),
      'title',
      `pomelo-sim ${cluster.version}, ${cluster.source}, up ${duration(cluster.uptimeSeconds)}`,
    );
    setText(total.servers, `${totals.running}/${totals.servers}`);
    setText(total.sessions, count(totals.sessions));
    setText(total.users, count(totals.uids));
    setText(total.rooms, count(totals.rooms));
    setText(total.messages, rate(totals.messagesPerSecond));
    setText(total.deliveries, rate(totals.deliveriesPerSecond));
    setText(total.errors, rate(totals.errorsPerSecond));
    setText(total.latency, percentiles(totals.p50Ms, totals.p99Ms));
    setText(total.buffers, bytes(totals.bufferBytes));
    setAttribute(total.servers.parentNode, 'data-state', totals.running < totals.servers ? 'bad' : null);
    setAttribute(total.errors.parentNode, 'data-state', totals.errorsPerSecond > 0 ? 'bad' : null);
  });

  app.add(byId('answer'), (state) => {
    const down = state.picture.servers.filter((server) => server.state !== 'running');
    const sentences = [...hottest(state.picture, state.history)]
      .map(([type, heat]) => inWords(type, heat, state.picture))
      .filter((text) => text);
    setText(byId('answer-hot'), sentences.join(' ') || 'Nothing is hot: start robots under Load, or chat on the page.');
    const faults = faultsInWords(faultyLinks(state.picture));
    const words = [...down.slice(0, 4).map((server) => `${server.id} is ${server.state}.`)];
    if (down.length > 4) words.push(`So are ${down.length - 4} more.`);
    if (faults) words.push(`${faults}.`);
    const isWell = words.length === 0;
    setText(byId('answer-down'), isWell ? 'All servers run, and no link has a fault.' : words.join(' '));
    byId('answer-down').classList.toggle('wrong', !isWell);
  });

  return (stream) => {
    const [kind, word] = STREAM[stream];
    setAttribute(byId('stream'), 'data-state', kind);
    setText(byId('stream'), word);
    document.documentElement.toggleAttribute('data-lost', stream === 'lost');
  };
}

function inWords(type, heat, picture) {
  if (picture.servers.filter((server) => server.serverType === type).length < 2) return '';
  if (!heat) return '';
  const server = picture.servers.find((server) => server.id === heat.server);
  const what =
    heat.by === 'messagesPerSecond'
      ? `${rate(heat.value)} messages/s`
      : server.frontend
        ? plural(heat.value, 'session')
        : plural(heat.value, 'member');
  return `Hottest ${type}: ${heat.server} with ${what}, ${heat.ratio.toFixed(2)} × the mean.`;
}

/** System, light or dark, in turn; kept for the chat page too. */
function mountTheme() {
  const button = byId('theme');
  const show = (theme) => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    setText(button, `Theme: ${theme}`);
  };
  let theme = localStorage.getItem('pomelo-theme') ?? 'system';
  if (!THEMES.includes(theme)) theme = 'system';
  show(theme);
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem('pomelo-theme', theme);
    show(theme);
  });
}

/** A bar for who may look only: with the token of the admin file, changing is possible. */
function mountToken(app) {
  const input = h('input', { id: 'token', type: 'password', autocomplete: 'off', size: 24 });
  const form = h('form', {}, h('label', { for: 'token' }, 'Token'), input, h('button', { type: 'submit' }, 'Use it'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (input.value.trim() === '') return;
    app.api.paste(input.value.trim());
    input.value = '';
    app.decide();
    app.live?.again();
  });
  byId('read-only').append(form);
}
