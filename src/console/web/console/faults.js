// Faults: rules that make links slow, lossy or cut, and their removal.

import { part } from './api.js';
import { byId, fields, h, keyed, setText } from './dom.js';
import { ruleState, ruleWords } from './links.js';
import { badge } from './words.js';

/** Servers for which there is a quick button. */
const QUICK_MAX = 6;

/** @type {import('./app.js').Panel} */
export const faults = {
  id: 'faults',
  name: 'Faults',
  html: `
  <div class="section-head"><h2 id="faults-title">Faults</h2><p class="quiet small">links between servers, made slow, lossy or cut; the first rule that holds for a link counts</p></div>
  <div class="panel pad">
    <div id="fault-quick" class="row"></div>
    <form id="fault-form"><fieldset data-changes class="fields">
      <legend class="unseen">A rule</legend>
      <div class="field"><label for="fault-from">from (id, type or *)</label><input id="fault-from" name="from" value="connector" list="ends" autocomplete="off" size="16"></div>
      <div class="field"><label for="fault-to">to (id, type or *)</label><input id="fault-to" name="to" value="chat" list="ends" autocomplete="off" size="16"></div>
      <span class="check"><input id="fault-both" name="both" type="checkbox" checked><label for="fault-both">both directions</label></span>
      <div class="field"><label for="fault-latency">latency</label><input id="fault-latency" name="latency" placeholder="20ms..50ms" autocomplete="off" size="12"></div>
      <div class="field"><label for="fault-loss">loss, %</label><input id="fault-loss" name="loss" type="number" min="0" max="100" step="any" size="5"></div>
      <span class="check"><input id="fault-cut" name="cut" type="checkbox"><label for="fault-cut">cut</label></span>
      <div class="field"><label for="fault-name">name (optional)</label><input id="fault-name" name="name" autocomplete="off" size="10"></div>
      <button type="submit" class="primary">Add the rule</button>
      <button id="heal-all" type="button">Heal all</button>
    </fieldset></form>
    <p id="fault-output" class="output" role="status"></p>
    <p id="fault-none" class="quiet small">No rules: all links deliver everything at once.</p>
    <div id="fault-table" class="scroll" tabindex="0" role="region" aria-label="Rules" hidden><table><caption class="unseen">Rules of the links</caption><thead><tr><th scope="col">rule</th><th scope="col">links</th><th scope="col">state</th><th scope="col">what it does</th><th scope="col">orders</th></tr></thead><tbody id="fault-rows"></tbody></table></div>
  </div>
`,
  mount,
};

function mount(app) {
  const form = byId('fault-form');
  const output = byId('fault-output');

  async function add(rule) {
    const done = await app.notices.attempt(output, () => app.api.post('links', rule));
    if (!done) return;
    setText(output, [`added rule ${done.name}`, ...(done.warnings ?? [])].join('; '));
    app.notices.show(`${rule.from} ${rule.both ? '↔' : '→'} ${rule.to}: ${ruleWords(rule)}`, {
      label: 'Undo: heal',
      act: () => heal(done.name),
    });
  }
  async function heal(name) {
    const done = await app.notices.attempt(output, () => app.api.delete(name === null ? 'links' : `links/${part(name)}`));
    if (done)
      setText(output, done.healed.length > 0 ? `healed ${done.healed.join(', ')}` : 'there was nothing to heal');
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = fields(form);
    const rule = { from: given.from || '*', to: given.to || '*', both: given.both };
    if (given.name) rule.name = given.name;
    if (given.latency) rule.latency = given.latency;
    if (given.loss) rule.loss = Number(given.loss) / 100;
    if (given.cut) rule.cut = true;
    add(rule);
  });
  byId('heal-all').addEventListener('click', () => heal(null));

  app.add(byId('faults'), (state) => {
    const { picture, canChange } = state;
    keyed(
      byId('fault-rows'),
      picture.rules,
      (rule) => rule.name,
      (rule) => ruleRow(rule, heal),
    );
    for (const button of byId('fault-rows').querySelectorAll('button')) button.disabled = !canChange;
    byId('fault-none').hidden = picture.rules.length > 0;
    byId('fault-table').hidden = picture.rules.length === 0;
    byId('heal-all').disabled = !canChange || picture.rules.length === 0;
    keyed(
      byId('ends'),
      endsOf(picture),
      (name) => name,
      (name) => ({ node: h('option', { value: name }) }),
    );
    keyed(
      byId('fault-quick'),
      canChange ? quick(picture) : [],
      (rule) => rule.label,
      (rule) => quickButton(rule, add),
    );
  });
}

/** What `from` and `to` may name. */
function endsOf(picture) {
  return ['*', ...picture.types.map((type) => type.serverType), ...picture.servers.map((server) => server.id)];
}

/** Faults for a click: one backend cut off, another slow, a lossy network. */
function quick(picture) {
  const behind = picture.servers.filter((server) => !server.frontend);
  const front = [
    ...new Set(
      picture.servers
        .filter(
          (server) => server.frontend && picture.edges.some((edge) => edge.from === server.id || edge.to === server.id),
        )
        .map((server) => server.serverType),
    ),
  ];
  const from = front[0] ?? 'connector';
  const rules = behind
    .slice(0, QUICK_MAX)
    .map((server) => ({ label: `Cut ${from} ↔ ${server.id}`, rule: { from, to: server.id, both: true, cut: true } }));
  if (behind.length > 0)
    rules.push({
      label: `Slow ${from} ↔ ${behind[0].serverType}, 20 to 50 ms`,
      rule: { from, to: behind[0].serverType, both: true, latency: '20ms..50ms' },
    });
  rules.push({ label: 'Lose 5 % everywhere', rule: { from: '*', to: '*', both: true, loss: 0.05 } });
  return rules;
}

function quickButton({ label, rule }, add) {
  return { node: h('button', { type: 'button', class: 'small', onclick: () => add(rule) }, label) };
}

function ruleRow(rule, heal) {
  const state = badge();
  state.update(ruleState(rule));
  const button = h(
    'button',
    { type: 'button', class: 'small', 'aria-label': `heal ${rule.name}`, onclick: () => heal(rule.name) },
    'heal',
  );
  return {
    node: h(
      'tr',
      {},
      h('th', { scope: 'row', class: 'foreign' }, rule.name),
      h('td', {}, `${rule.from} ${rule.both ? '↔' : '→'} ${rule.to}`),
      h('td', {}, state.node),
      h('td', {}, ruleWords(rule)),
      h('td', {}, button),
    ),
  };
}
