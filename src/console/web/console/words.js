// Small elements that several panels share: a state as a badge, a number with its name.

import { h, setAttribute, setText } from './dom.js';

const COLOURS = {
  running: 'good',
  paused: 'warn',
  restarting: 'warn',
  stopping: 'warn',
  stopped: 'idle',
  killed: 'bad',
  ok: 'good',
  slow: 'warn',
  lossy: 'warn',
  cut: 'bad',
};

/** A badge that shows a state by colour and word: `{node, update(state)}`. */
export function badge() {
  const node = h('span', { class: 'badge' });
  const update = (state) => {
    setText(node, state);
    setAttribute(node, 'data-state', COLOURS[state] ?? 'idle');
  };
  return { node, update };
}

/** Names with values, as `{node, update(texts)}`; `names` are those of the values, in their order. */
export function facts(names) {
  const values = names.map(() => h('dd'));
  const node = h(
    'dl',
    { class: 'facts' },
    ...names.map((name, index) => h('div', {}, h('dt', {}, name), values[index])),
  );
  return { node, update: (texts) => texts.forEach((text, index) => setText(values[index], text)) };
}
