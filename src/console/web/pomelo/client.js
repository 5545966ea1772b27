// A client: requests with answers, notifies, pushes by route, and events of its connection.

import { Connection } from './connection.js';
import { PomeloError } from './errors.js';
import { MESSAGE, decodeMessage } from './message.js';

const SYS = Object.freeze({ type: 'pomelo-es', version: '1.0.0' });
/** The original counts ids in 31 bits. */
const ID_MAX = 0x7fffffff;

/**
 * @typedef {object} ClientOptions
 * @property {object} [user] what the handshake brings to the server as `user`
 * @property {number} [connectTimeoutMs=10000] from the start to the end of the handshake
 * @property {number} [requestTimeoutMs=10000] for an answer, unless a request says otherwise
 * @property {number} [packageBytesMax=1048576] larger packages end the connection
 * @property {typeof WebSocket} [WebSocket] another one than the platform's, such as that of npm `ws`
 */

/** What `addEventListener` hears: `open` (`reply`), `kick` (`reason`), `error` (`error`), `close` (`error`, `kicked`). */
class ClientEvent extends Event {
  constructor(type, fields) {
    super(type);
    Object.assign(this, fields);
  }
}

/**
 * A client has one connection at a time, and may connect again when that has ended; its handlers stay.
 *
 * Events, which are not pushes and so have names of their own (`addEventListener`):
 * - `open`: the handshake is done; `reply` is the server's
 * - `kick`: the server ends the connection; `reason` is its text. `close` follows
 * - `error`: a push could not be read, and was left out; `error` is a `PomeloError`
 * - `close`: the connection has ended, once for each that was opened; `error` says why, and is missing after `close()`
 */
export class Client extends EventTarget {
  #options;
  #connection;
  #codec;
  /** @type {'closed'|'connecting'|'open'} */
  #state = 'closed';
  #handlers = new Map();
  #requests = new Map();
  #lastId = 0;

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    super();
    this.#options = {
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
      packageBytesMax: 1 << 20,
      WebSocket: globalThis.WebSocket,
      ...options,
    };
  }

  /** @returns {'closed'|'connecting'|'open'} */
  get state() {
    return this.#state;
  }

  /**
   * Connects and shakes hands.
   * @param {string} url such as `ws://127.0.0.1:3014`
   * @returns {Promise<object>} the server's handshake
   * @throws {PomeloError} `connect`, `refused`, `protocol`, `closed`
   */
  connect(url) {
    if (this.#state !== 'closed') {
      return Promise.reject(new PomeloError('connect', `the client is ${this.#state} already`));
    }
    return new Promise((resolve, reject) => {
      const handshake = { sys: SYS, user: this.#options.user };
      this.#connection = new Connection(url, handshake, this.#options, {
        opened: (codec, reply) => {
          this.#codec = codec;
          this.#state = 'open';
          resolve(reply);
          this.#emit('open', { reply });
        },
        received: (bytes) => this.#receive(decodeMessage(bytes)),
        ended: ({ error, kicked }) => {
          const wasOpen = this.#state === 'open';
          this.#state = 'closed';
          const why = error ?? new PomeloError('closed', 'the client closed the connection');
          reject(why);
          this.#requests.forEach((request) => request.fail(why));
          if (kicked !== undefined) this.#emit('kick', { reason: kicked });
          if (wasOpen) this.#emit('close', { error, kicked });
        },
      });
      this.#state = 'connecting';
    });
  }

  /**
   * Asks, and gives the body of the answer, whatever code is in it: what it means is the application's matter.
   * @param {string} route `serverType.handler.method`
   * @param {object} [body]
   * @param {{ timeoutMs?: number }} [options]
   * @returns {Promise<any>}
   * @throws {PomeloError} `timeout`, `closed`, `kicked`, `body`, `protocol`; after a `timeout` or an end of the
   *   connection nobody knows whether the server has done it
   */
  async request(route, body = {}, { timeoutMs = this.#options.requestTimeoutMs } = {}) {
    const id = this.#nextId();
    this.#send({ kind: MESSAGE.REQUEST, id, route, body });
    return new Promise((resolve, reject) => {
      const settle = (how) => (value) => {
        clearTimeout(timer);
        this.#requests.delete(id);
        how(value);
      };
      const fail = settle(reject);
      const timer = setTimeout(
        () => fail(new PomeloError('timeout', `no answer to ${route} within ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#requests.set(id, { route, answer: settle(resolve), fail });
    });
  }

  /**
   * Tells, and hears nothing back.
   * @param {string} route `serverType.handler.method`
   * @param {object} [body]
   * @throws {PomeloError} `closed`, `body`
   */
  notify(route, body = {}) {
    this.#send({ kind: MESSAGE.NOTIFY, route, body });
  }

  /**
   * Calls a handler for every push of a route.
   * @param {string} route such as `onChat`
   * @param {(body: any) => void} handler
   * @returns {() => void} stops it
   */
  on(route, handler) {
    const handlers = this.#handlers.get(route) ?? new Set();
    this.#handlers.set(route, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** Ends the connection at once: requests under way fail with `closed`, and no push comes any more. */
  close() {
    if (this.#state !== 'closed') this.#connection.close();
  }

  #nextId() {
    do {
      this.#lastId = (this.#lastId % ID_MAX) + 1;
    } while (this.#requests.has(this.#lastId));
    return this.#lastId;
  }

  #send(message) {
    if (this.#state !== 'open') throw new PomeloError('closed', `expected an open connection, it is ${this.#state}`);
    this.#connection.send(this.#codec.encode(message));
  }

  /** @param {import('./message.js').Message} message */
  #receive({ kind, id, route, body }) {
    switch (kind) {
      case MESSAGE.RESPONSE:
        return this.#answered(id, body);
      case MESSAGE.PUSH:
        return this.#pushed(this.#codec.route(route), body);
      default:
        throw new PomeloError('protocol', `expected a response or a push, got a message of kind ${kind}`);
    }
  }

  #answered(id, bytes) {
    const request = this.#requests.get(id);
    // It came too late, and was given up.
    if (!request) return;
    try {
      request.answer(this.#codec.body(request.route, bytes));
    } catch (error) {
      request.fail(error);
    }
  }

  #pushed(route, bytes) {
    const handlers = this.#handlers.get(route);
    if (!handlers?.size) return;
    let body;
    try {
      body = this.#codec.body(route, bytes);
    } catch (error) {
      this.#emit('error', { error });
      return;
    }
    for (const handler of [...handlers]) {
      try {
        handler(body);
      } catch (error) {
        // As with any event: it is reported, and the other handlers are called.
        report(error);
      }
    }
  }

  #emit(type, fields) {
    this.dispatchEvent(new ClientEvent(type, fields));
  }
}

function report(error) {
  if (globalThis.reportError) return globalThis.reportError(error);
  return queueMicrotask(() => {
    throw error;
  });
}
