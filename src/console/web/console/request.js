// The request form: a client of the cluster in this page, which logs in and sends any message to
// any route.

import { Client } from '../pomelo.js';
import { byId, h, setAttribute, setOptions, setText } from './dom.js';
import { clock } from './format.js';

/** Entries that are shown, the newest first. */
const ENTRIES_MAX = 50;

/** Pushes of the tutorial's chat. */
const PUSHES = ['onChat', 'onAdd', 'onLeave'];

/** Longest text that is shown of one body. */
const TEXT_MAX = 20_000;

/** @type {import('./app.js').Panel} */
export const request = {
  id: 'request',
  name: 'Request',
  html: `
  <div class="section-head"><h2 id="request-title">Request</h2><p class="quiet small">log in as a client from this page and send anything to any route</p><span id="login-state" class="badge" role="status" data-state="idle">not connected</span></div>
  <div class="panel pad two">
    <div>
      <form id="login-form" class="fields">
        <div class="field"><label for="login-uid">user (uid)</label><input id="login-uid" name="uid" value="operator" required autocomplete="off" size="12"></div>
        <div class="field"><label for="login-rid">enter the room (rid), if any</label><input id="login-rid" name="rid" value="lobby" autocomplete="off" size="12"></div>
        <div class="field"><label for="login-where">way</label><select id="login-where" name="where"><option value="gate">through the gate</option></select></div>
        <button id="login" type="submit" class="primary">Log in</button><button id="logout" type="button" hidden>Log out</button>
      </form>
      <form id="request-form"><fieldset id="request-fields" class="request-fields" disabled>
        <legend class="unseen">A message</legend>
        <div class="fields">
          <div class="field"><label for="request-kind">kind</label><select id="request-kind" name="kind"><option value="request">request</option><option value="notify">notify</option></select></div>
          <div class="field wide"><label for="request-route">route</label><input id="request-route" name="route" value="chat.chatHandler.send" list="routes" required autocomplete="off"></div>
        </div>
        <div class="field"><label for="request-body">body, as JSON</label><textarea id="request-body" name="body" rows="4" spellcheck="false">{"content": "hello", "target": "*"}</textarea></div>
        <div class="fields"><div class="field wide"><label for="request-pushes">show these pushes too</label><input id="request-pushes" name="pushes" placeholder="onChat, onAdd and onLeave are shown" autocomplete="off"></div><button type="submit" class="primary">Send</button></div>
      </fieldset></form>
      <p id="request-output" class="output" role="status"></p>
    </div>
    <div>
      <div class="row"><h3>Sent and received</h3><button id="request-clear" type="button" class="small plain">Clear</button></div>
      <div class="log tall-box" tabindex="0" role="log" aria-label="Sent and received, the newest first"><ol id="request-log"></ol></div>
    </div>
  </div>
`,
  mount,
};

function mount(app) {
  const login = byId('login-form');
  const form = byId('request-form');
  const output = byId('request-output');
  const log = byId('request-log');
  const pushes = new Set();
  let client = null;

  function show() {
    const isOpen = client !== null;
    for (const element of login.elements) if (element.name) element.disabled = isOpen;
    byId('login').hidden = isOpen;
    byId('logout').hidden = !isOpen;
    byId('request-fields').disabled = !isOpen;
    setAttribute(byId('login-state'), 'data-state', isOpen ? 'good' : 'idle');
  }

  function note(kind, title, body, isError = false) {
    const text = typeof body === 'string' ? body : (JSON.stringify(body, null, 2) ?? '');
    log.prepend(
      h(
        'li',
        { 'data-state': isError ? 'bad' : null },
        h('span', { class: 'mono quiet' }, clock(Date.now(), true)),
        h('span', { class: `kind kind-${kind}` }, kind),
        h('span', { class: 'mono foreign' }, title),
        h('pre', { class: 'foreign' }, text.slice(0, TEXT_MAX)),
      ),
    );
    while (log.children.length > ENTRIES_MAX) log.lastChild.remove();
  }

  /** Shows pushes of a route, once however often the route is named. */
  function hear(route) {
    if (!client || pushes.has(route)) return;
    pushes.add(route);
    client.on(route, (body) => note('push', route, body));
  }

  async function ask(on, route, body) {
    const start = performance.now();
    const answer = await on.request(route, body);
    note(
      'answer',
      `${route}, ${(performance.now() - start).toFixed(1)} ms`,
      answer,
      answer?.code >= 500 || answer?.error === true,
    );
    return answer;
  }

  async function logIn() {
    const uid = login.elements.uid.value.trim();
    const rid = login.elements.rid.value.trim();
    const { gate } = app.state.cluster ?? (await app.api.get('cluster'));
    let url = login.elements.where.value;
    if (url === 'gate') {
      const asked = new Client();
      await asked.connect(`ws://${gate.host}:${gate.port}`);
      const entry = await ask(asked, 'gate.gateHandler.queryEntry', { uid }).finally(() => asked.close());
      if (entry.code !== 200) throw new Error(entry.message ?? `the gate answered ${entry.code}`);
      url = `ws://${entry.host}:${entry.port}`;
    }
    client = new Client();
    pushes.clear();
    const mine = client;
    mine.addEventListener('kick', (/** @type {any} */ { reason }) => note('kick', 'kicked', reason, true));
    mine.addEventListener('close', (/** @type {any} */ { error }) => {
      if (client === mine) ended(error?.message ?? 'logged out');
    });
    await mine.connect(url).catch((error) => {
      client = null;
      throw error;
    });
    PUSHES.forEach(hear);
    setText(byId('login-state'), `connected to ${url.slice('ws://'.length)}`);
    show();
    if (rid) {
      const entered = await ask(mine, 'connector.entryHandler.enter', { username: uid, rid });
      if (entered?.error) note('answer', 'not entered', entered, true);
      else setText(byId('login-state'), `${uid} in ${rid}, on ${url.slice('ws://'.length)}`);
    }
  }

  function ended(why) {
    client = null;
    setText(byId('login-state'), why);
    show();
  }

  login.addEventListener('submit', (event) => {
    event.preventDefault();
    app.notices.attempt(output, logIn);
  });
  byId('logout').addEventListener('click', () => client?.close());
  byId('request-clear').addEventListener('click', () => log.replaceChildren());

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    app.notices.attempt(output, async () => {
      const route = form.elements.route.value.trim();
      const body = parsed(form.elements.body.value);
      for (const name of form.elements.pushes.value.split(/[\s,]+/)) if (name) hear(name);
      note('sent', `${form.elements.kind.value} ${route}`, body);
      if (form.elements.kind.value === 'notify') client.notify(route, body);
      else await ask(client, route, body);
    });
  });

  app.add(byId('request'), ({ cluster }) => {
    // Until the cluster is known, keep the gate option: the select must not be empty.
    if (!cluster) return;
    const frontends = cluster.frontends.filter((frontend) => frontend.serverType !== 'gate');
    if (!login.elements.where.disabled)
      setOptions(login.elements.where, [
        ...(cluster.gate ? [['gate', 'through the gate']] : []),
        ...frontends.map(({ id, host, port }) => [`ws://${host}:${port}`, `straight to ${id}`]),
      ]);
  });
  show();
}

function parsed(text) {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The body is no JSON: ${error.message}`);
  }
}
