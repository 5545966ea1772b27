// The dispatch strategy of a type: chosen from the list, previewed, applied with a click, undone
// with another.

import { part } from './api.js';
import { h, setOptions, setText } from './dom.js';
import { count, plural } from './format.js';

/** Most servers whose bars are shown in a preview, the most loaded first. */
const BARS_MAX = 24;

/** How long after a failure the list is asked for again, in milliseconds. */
const RETRY_MS = 10_000;

/** The form of a type: `{node, update(type)}`. */
export function strategyForm(app, serverType) {
  const id = `strategy-${serverType}`;
  const now = h('b');
  const name = h('select', { id, name: 'strategy' });
  const inside = h('span', { class: 'inside' });
  const summary = h('p', { class: 'quiet small' });
  const preview = h('button', { type: 'submit' }, 'Preview');
  const apply = h('button', { type: 'button', class: 'primary' }, 'Apply');
  const result = h('div', { class: 'preview', 'aria-live': 'polite' });
  const output = h('p', { class: 'output', role: 'status' });
  const node = h(
    'form',
    { class: 'strategy' },
    h(
      'div',
      { class: 'row' },
      h('span', {}, 'strategy ', now),
      h('label', { for: id }, 'change to'),
      name,
      inside,
      preview,
      apply,
    ),
    summary,
    output,
    result,
  );
  let known = null;

  const entry = () => known?.find((strategy) => strategy.name === name.value);
  const choice = () => {
    const value = inside.querySelector('input, select')?.value.trim();
    return value ? `${name.value}(${value})` : name.value;
  };
  const forget = () => {
    result.replaceChildren();
    setText(output, '');
  };

  name.addEventListener('change', () => {
    forget();
    inside.replaceChildren(...parameter(entry(), known, id));
    setText(
      summary,
      entry() ? `${entry().summary}; ${entry().sticky ? 'a key is found again' : 'each pick is a new choice'}` : '',
    );
  });
  inside.addEventListener('input', forget);

  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    forget();
    const strategy = choice();
    const seen = await app.notices.attempt(output, () => app.api.get(`strategies/${part(serverType)}/preview`, { strategy }));
    // Another strategy has been chosen meanwhile: drop this answer.
    if (!seen || choice() !== strategy) return;
    result.replaceChildren(...inWords(seen), bars(seen));
  });

  apply.addEventListener('click', () => change(choice()));
  async function change(strategy) {
    const done = await app.notices.attempt(output, () => app.api.put(`strategies/${part(serverType)}`, { strategy }));
    if (!done) return;
    forget();
    setText(output, `Applied ${done.to}: ${moved(done)}.`);
    app.notices.show(`${serverType}: ${done.from} → ${done.to}, ${moved(done)}`, {
      label: `Undo: ${done.from}`,
      act: () => change(done.from),
    });
  }

  const update = (type) => {
    setText(now, type.isChanging ? `${type.strategy} (changing)` : type.strategy);
    if (apply.disabled === app.state.canChange) apply.disabled = !app.state.canChange;
    if (known) return;
    known = [];
    loadStrategies(app).then(
      (all) => {
        known = all;
        setOptions(
          name,
          all.map((strategy) => strategy.name),
        );
        name.value = type.strategy.split('(')[0];
        name.dispatchEvent(new Event('change'));
      },
      // After a failure ask again later, not every second.
      () => setTimeout(() => (known = null), RETRY_MS),
    );
  };
  return { node, update };
}

/** The list of strategies does not change while the page is open: it is asked for once. */
function loadStrategies(app) {
  app.strategies ??= app.api.get('strategies').then(({ strategies }) => strategies);
  app.strategies.catch(() => (app.strategies = null));
  return app.strategies;
}

/** What stands in parentheses behind a name: a number, or another strategy. */
function parameter(entry, all, id) {
  if (!entry?.parameter) return [];
  if (entry.parameter === 'strategy') {
    const select = h('select', { id: `${id}-inside` });
    setOptions(
      select,
      all.filter((strategy) => strategy.parameter !== 'strategy').map((strategy) => strategy.name),
    );
    return [h('label', { for: `${id}-inside` }, 'of '), select];
  }
  const { what, default: usual, min, max } = entry.parameter;
  const range = max == null ? `at least ${min}` : `${min} to ${max}`;
  return [
    h('label', { for: `${id}-inside` }, `${what} (${range}) `),
    h('input', { id: `${id}-inside`, type: 'number', min, max, step: 'any', value: usual, size: 6 }),
  ];
}

function inWords(seen) {
  const text =
    seen.rooms > 0 || seen.users === 0
      ? `With ${seen.to}, ${count(seen.roomsMoved)} of ${plural(seen.rooms, 'room')} would move, with ${count(seen.membersMoved)} of ${plural(seen.members, 'member')}.`
      : `With ${seen.to}, ${count(seen.usersMoved)} of ${plural(seen.users, 'user')} would be sent to another server at their next login; sessions stay where they are.`;
  return [h('p', {}, text), ...(seen.warnings ?? []).map((warning) => h('p', { class: 'warning' }, warning))];
}

function moved(done) {
  if (done.rooms > 0 || done.users === 0)
    return `${plural(done.roomsMoved, 'room')} moved with ${plural(done.membersMoved, 'member')}`;
  return `${plural(done.usersMoved, 'user')} will be sent elsewhere at the next login`;
}

/** Load before and after, as two bars a server on one scale. */
function bars(seen) {
  const top = Math.max(1, ...seen.servers.map((server) => Math.max(server.loadBefore, server.loadAfter)));
  const servers = seen.servers.toSorted((a, b) => b.loadBefore - a.loadBefore).slice(0, BARS_MAX);
  const bar = (load, kind) => {
    const node = h('span', { class: `load-bar ${kind}` });
    node.style.width = `${(100 * load) / top}%`;
    return h('td', { class: 'load-cell' }, node, h('span', { class: 'number' }, count(load)));
  };
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Load before and after, ${seen.serverType}` },
    h(
      'table',
      { class: 'bars' },
      h('caption', { class: 'unseen' }, 'Load before and after'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'server'),
          h('th', { scope: 'col' }, 'load before'),
          h('th', { scope: 'col' }, 'load after'),
        ),
      ),
      h(
        'tbody',
        {},
        ...servers.map((server) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, server.id),
            bar(server.loadBefore, 'before'),
            bar(server.loadAfter, 'after'),
          ),
        ),
      ),
    ),
  );
}
