// One user in one room, like a client of the tutorial: asks the gate, enters through the connector
// that it names, chats, and reconnects after a delay when the connection is lost. Independent of
// the page.

import { Client, backoff } from '../pomelo.js';

const QUERY_ENTRY = 'gate.gateHandler.queryEntry';
const ENTER = 'connector.entryHandler.enter';
const SEND = 'chat.chatHandler.send';
const OK = 200;

/** The target of a message to everyone. */
export const ALL = '*';

/** A connection that lasted this long resets the backoff. */
const STEADY_MS = 10_000;

/** Kicks caused by a server and not by the user: reconnecting is fine. */
const KICKS_OF_SERVERS = ['server stopped', 'server restarts', 'server removed', 'missed messages', 'slow consumer'];

/**
 * The state of a session:
 * - `connecting`; `again` is set if it was in the room before
 * - `connected`; `connector` is the gate's answer
 * - `waiting` until `until` (of `performance.now()`), then it connects; `why` is the error
 * - `kicked`, with the `reason`; it does not reconnect
 * - `refused` at the first login; `field` is `name`, `room` or undefined, `why` is the server's
 *   reason
 * - `left`: the user left
 * @typedef {object} State
 * @property {'connecting'|'connected'|'waiting'|'kicked'|'refused'|'left'} phase
 * @property {boolean} [again]
 * @property {{ host: string, port: number }} [connector]
 * @property {number} [until]
 * @property {string} [why]
 * @property {string} [reason]
 * @property {string} [field]
 */

/**
 * Callbacks of a session.
 * @typedef {object} Listener
 * @property {(state: State) => void} changed
 * @property {(names: string[], again: boolean) => void} entered all members, the user included
 * @property {(name: string) => void} came
 * @property {(name: string) => void} went
 * @property {(message: { from: string, target: string, text: string }) => void} said
 */

export class ChatSession {
  #listener;
  #findGate;
  #findConnector;
  #gate;
  #client;
  #stopWaiting;
  #isOver = false;

  /**
   * @param {{ name: string, room: string, findGate: () => Promise<string>, findConnector?: () => Promise<{ host: string, port: number } | undefined> }} user `findGate` gives a URL; where
   *   there is no gate, `findConnector` gives a connector, else nothing
   * @param {Listener} listener
   */
  constructor({ name, room, findGate, findConnector }, listener) {
    this.name = name;
    this.room = room;
    this.#findGate = findGate;
    this.#findConnector = findConnector;
    this.#listener = listener;
  }

  /** Runs until the user leaves, is kicked, or is refused at the first login. */
  async run() {
    let waits = backoff();
    for (let again = false; !this.#isOver; ) {
      this.#change({ phase: 'connecting', again });
      let end;
      try {
        const { ended } = await this.#enter(again);
        again = true;
        const since = performance.now();
        end = await ended;
        if (performance.now() - since > STEADY_MS) waits = backoff();
      } catch (error) {
        if (!again) return this.#change({ phase: 'refused', field: error.field, why: error.message });
        // After a lost connection the name stays taken until the cluster notices: retry instead of
        // giving up.
        end = { error };
      }
      if (end.kicked !== undefined && !KICKS_OF_SERVERS.includes(end.kicked)) {
        return this.#change({ phase: 'kicked', reason: end.kicked });
      }
      await this.#wait(waits.next().value, end.error?.message);
    }
  }

  /**
   * Sends a message.
   * @param {string} text
   * @param {string} target `ALL`, or a name
   * @throws {Error} the server's refusal, or a missing answer
   */
  async say(text, target) {
    if (!this.#client) throw new Error('not connected');
    const { name, room } = this;
    // The same fields as the tutorial's page, though the server takes room and sender from the
    // session.
    const answer = await this.#client.request(SEND, { rid: room, content: text, from: name, target });
    if (answer?.code !== undefined && answer.code !== OK) throw new Error(messageOf(answer));
  }

  /** Cuts a wait short. */
  comeBackNow() {
    this.#stopWaiting?.();
  }

  leave() {
    if (this.#isOver) return;
    this.#change({ phase: 'left' });
    this.#isOver = true;
    this.#gate?.close();
    this.#client?.close();
    this.#stopWaiting?.();
  }

  async #enter(again) {
    const connector = await this.#askGate();
    const client = new Client();
    // Leaving meanwhile closes it.
    this.#client = client;
    try {
      const ended = new Promise((resolve) => client.addEventListener('close', resolve));
      // A push may arrive before the answer with the member list.
      let early = [];
      const hear = (tell) => (body) => (early ? early.push(() => tell(Object(body))) : tell(Object(body)));
      client.on('onAdd', hear(({ user }) => this.#tell('came', textOf(user))));
      client.on('onLeave', hear(({ user }) => this.#tell('went', textOf(user))));
      client.on('onChat', hear(({ from, target, msg }) => {
        this.#tell('said', { from: textOf(from), target: textOf(target), text: textOf(msg) });
      }));
      await client.connect(urlOf(connector));
      const answer = await client.request(ENTER, { username: this.name, rid: this.room });
      if (!Array.isArray(answer?.users)) throw new Refusal(answer);
      this.#change({ phase: 'connected', connector });
      this.#tell('entered', answer.users.map(textOf), again);
      early.forEach((tell) => tell());
      early = undefined;
      return { ended: ended.finally(() => (this.#client = undefined)) };
    } catch (error) {
      client.close();
      this.#client = undefined;
      throw error;
    }
  }

  async #askGate() {
    const known = await this.#findConnector?.();
    if (known) return known;
    const gate = new Client();
    this.#gate = gate;
    try {
      await gate.connect(await this.#findGate());
      const answer = await gate.request(QUERY_ENTRY, { uid: this.name });
      if (answer?.code !== OK) throw new Refusal(answer);
      return { host: textOf(answer.host), port: answer.port };
    } finally {
      gate.close();
    }
  }

  #wait(waitMs, why) {
    if (this.#isOver) return undefined;
    this.#change({ phase: 'waiting', until: performance.now() + waitMs, why });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #change(state) {
    this.#tell('changed', state);
  }

  /** No callbacks after the user has left. */
  #tell(what, ...how) {
    if (!this.#isOver) this.#listener[what](...how);
  }
}

/** A server's refusal of a login. */
class Refusal extends Error {
  constructor(answer) {
    const message = messageOf(answer);
    const [, field, why] = message.match(/^(uid|username|rid): (.*)$/s) ?? [];
    super(why ?? message);
    if (field) this.field = field === 'rid' ? 'room' : 'name';
    // The tutorial's answer when the name is in use.
    else if (answer?.error === true) this.field = 'name';
  }
}

function messageOf(answer) {
  if (typeof answer?.message === 'string') return answer.message;
  return `the server answered with code ${textOf(answer?.code)}`;
}

/** Use the page's scheme: a browser does not let an https page open an insecure connection. */
export function urlOf({ host, port }) {
  const scheme = globalThis.location?.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Other clients may send any JSON where text is expected. */
function textOf(value) {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
