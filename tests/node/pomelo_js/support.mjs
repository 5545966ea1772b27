// A server that a test writes, and bytes as hexadecimal text.

import { once } from 'node:events';
import { createRequire } from 'node:module';

import { Client, MESSAGE, PACKAGE, PackageReader, decodeMessage, encodeMessage, encodePackage } from '../../../src/console/web/pomelo.js';

export const require = createRequire(import.meta.url);
const WebSocket = require('ws');

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const unhex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
export const json = (value) => new TextEncoder().encode(JSON.stringify(value));

/** Numbers that look like chance, the same for the same seed, as `Math.random` gives them (mulberry32). */
export function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A server for one test. `play` is called for each connection with a `Peer`, and may take as long as it likes.
 * @returns {Promise<{ url: string }>} it ends with the test `t`
 */
export async function server(t, play) {
  const listener = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
  listener.on('connection', (socket) => play(new Peer(socket)));
  t.after(() => {
    listener.clients.forEach((socket) => socket.terminate());
    listener.close();
  });
  await once(listener, 'listening');
  return { url: `ws://127.0.0.1:${listener.address().port}` };
}

/** The server's side of a connection. */
class Peer {
  #reader = new PackageReader();
  #packages = [];
  #waiting;

  constructor(socket) {
    this.socket = socket;
    this.closed = once(socket, 'close');
    socket.on('error', () => {});
    socket.on('message', (data) => {
      this.#packages.push(...this.#reader.read(new Uint8Array(data)));
      this.#waiting?.();
    });
  }

  /** The next package of the client. */
  async next() {
    while (this.#packages.length === 0) await new Promise((resolve) => (this.#waiting = resolve));
    return this.#packages.shift();
  }

  /** The next message of the client, its body as a value; heartbeats are passed over. */
  async message() {
    for (;;) {
      const { type, body } = await this.next();
      if (type === PACKAGE.HEARTBEAT) continue;
      const message = decodeMessage(body);
      return { ...message, body: JSON.parse(Buffer.from(message.body)) };
    }
  }

  /** Takes the handshake, answers it, and takes the acknowledgement. */
  async shakeHands(sys = {}) {
    const { body } = await this.next();
    this.send(handshake(sys));
    const { type } = await this.next();
    if (type !== PACKAGE.HANDSHAKE_ACK) throw new Error(`the client sent ${type} where it had to acknowledge`);
    return JSON.parse(Buffer.from(body));
  }

  /** Packages, in one frame. */
  send(...packages) {
    this.socket.send(Buffer.concat(packages));
  }
}

export const handshake = (sys) => encodePackage(PACKAGE.HANDSHAKE, json({ code: 200, sys }));
export const response = (id, body) =>
  encodePackage(PACKAGE.DATA, encodeMessage({ kind: MESSAGE.RESPONSE, id, body: json(body) }));
export const push = (route, body) =>
  encodePackage(PACKAGE.DATA, encodeMessage({ kind: MESSAGE.PUSH, route, body: json(body) }));
export const heartbeat = encodePackage(PACKAGE.HEARTBEAT);
export const kick = (body) => encodePackage(PACKAGE.KICK, json(body));

/** A client that ends with the test. */
export function client(t, options = {}) {
  const made = new Client({ WebSocket, ...options });
  t.after(() => made.close());
  return made;
}

/** The next event of that name. */
export const heard = (target, name) =>
  new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
