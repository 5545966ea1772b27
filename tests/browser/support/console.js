// Drives the console page like an operator, with users that chat meanwhile.

import { eventually } from './expect.js';

export class ConsolePage {
  /** Opens the console in a context of its own, and waits until it is live. */
  static async open(stage, options = {}) {
    const page = await stage.page('/console', { viewport: { width: 1440, height: 950 }, ...options });
    const opened = new ConsolePage(page);
    await eventually('the stream', () => opened.text('#stream'), 'live');
    await eventually(
      'the map',
      () => page.locator('#map .card.server').count(),
      (count) => count > 0,
    );
    return opened;
  }

  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
  }

  text(selector) {
    return this.page.locator(selector).textContent();
  }

  /** Scrolls a section into view: sections far outside are not rendered. */
  async goTo(section) {
    await this.page.evaluate(
      (section) => document.getElementById(section).scrollIntoView({ behavior: 'instant' }),
      section,
    );
  }

  /** The card of a server on the map. */
  card(id) {
    return this.page.locator(`#map [data-id="${id}"]`);
  }

  /** Waits until the map and the table show this state of a server as a word. */
  async shows(id, state) {
    await this.goTo('topology');
    await eventually(`${id} on the map`, () => this.card(id).locator('.badge').textContent(), state);
    await eventually(
      `${id} in the table`,
      () => this.page.locator(`#servers-rows [data-id="${id}"] .badge`).textContent(),
      state,
    );
  }

  /** Waits until the text of an element is as expected. */
  says(selector, expected) {
    return eventually(
      selector,
      () => this.text(selector),
      (text) => (expected instanceof RegExp ? expected.test(text) : text === expected),
    );
  }

  /** Waits until the page's second line, about servers that are down and faulty links, has this text. */
  async warns(expected) {
    await this.goTo('answer');
    await this.says('#answer-down', expected);
  }

  /** The rows of a table, as texts of their cells. */
  rows(selector) {
    return this.page
      .locator(`${selector} tr`)
      .evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  }

  /** Finds a room by the search in the head, and gives its row. */
  async findRoom(name) {
    await this.page.getByLabel('Find a room or a user').fill(name);
    await this.page.keyboard.press('Enter');
    const [row] = await eventually(
      `room ${name}`,
      () => this.rows('#rooms-rows'),
      (rows) => rows.length === 1 && rows[0][0] === name,
    );
    return { server: row[1], members: Number(row[2]) };
  }

  /** The token for changing calls, from the page. */
  token() {
    return this.page.locator('meta[name="pomelo-token"]').getAttribute('content');
  }

  /** Gives an order over HTTP, like a script; returns the status of the answer. */
  async order(method, path, body) {
    const headers = { Authorization: `Bearer ${await this.token()}`, 'Content-Type': 'application/json' };
    const request = { method, headers, body: body && JSON.stringify(body) };
    return this.page.evaluate(
      async ([path, request]) => (await fetch(`/api/v1/${path}`, request)).status,
      [path, request],
    );
  }

  /** Waits until this many snapshots of the cluster have arrived. */
  async pictures(count) {
    const { atMs: before } = await this.api('picture');
    let seen = 0;
    let last = before;
    await eventually(
      'pictures',
      async () => {
        const { atMs } = await this.api('picture');
        if (atMs > last) seen += 1;
        last = atMs;
        return seen;
      },
      (seen) => seen >= count,
    );
  }

  /** The API's answer. */
  api(path) {
    return this.page.evaluate(async (path) => (await fetch(`/api/v1/${path}`)).json(), path);
  }
}

/**
 * Presses a button by the keyboard: lists above it grow when their rows come, and a click would meet what has moved there.
 * @param {import('playwright-core').Locator} button
 */
export async function press(button) {
  await eventually('the button can be pressed', () => button.isEnabled(), true);
  await button.press('Enter');
}

/** People in rooms, as clients in a page of their own. Give them `[uid, rid]`. */
export class People {
  static async enter(stage, people) {
    const page = await stage.page('/console');
    await page.evaluate(async (people) => {
      const { Client } = await import('/assets/pomelo.js');
      const { gate } = await (await fetch('/api/v1/cluster')).json();
      globalThis.people = new Map();
      for (const [uid, rid] of people) {
        const asked = new Client();
        await asked.connect(`ws://${gate.host}:${gate.port}`);
        const { host, port } = await asked.request('gate.gateHandler.queryEntry', { uid });
        asked.close();
        const client = new Client();
        client.addEventListener('kick', ({ reason }) => (client.kicked = reason));
        await client.connect(`ws://${host}:${port}`);
        const entered = await client.request('connector.entryHandler.enter', { username: uid, rid });
        if (entered.error) throw new Error(`${uid} in ${rid}: ${JSON.stringify(entered)}`);
        globalThis.people.set(uid, client);
      }
    }, people);
    return new People(page);
  }

  constructor(page) {
    this.page = page;
  }

  /** Makes a user send a message to the room. */
  say(uid, content) {
    return this.page.evaluate(
      ([uid, content]) => globalThis.people.get(uid).request('chat.chatHandler.send', { content, target: '*' }),
      [uid, content],
    );
  }

  /** The reason of a user's kick. */
  kicked(uid) {
    return this.page.evaluate((uid) => globalThis.people.get(uid).kicked ?? null, uid);
  }

  leave() {
    return this.page.context().close();
  }
}
