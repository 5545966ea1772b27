// One WebSocket from its handshake to its end, which is told once, whatever brought it.

import { Codec } from './codec.js';
import { PomeloError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import { PACKAGE, PackageReader, encodePackage } from './package.js';
import { fromJsonBytes, toJsonBytes } from './text.js';

const HANDSHAKE_OK = 200;
/** Timers count milliseconds in 31 bits. */
const HEARTBEAT_SECONDS_MAX = 1_000_000;
/** More of a reason would be no reason. */
const REASON_LENGTH_MAX = 1_000;

/**
 * @typedef {object} Ended
 * @property {import('./errors.js').PomeloError} [error] why, unless this side closed it
 * @property {string} [kicked] the server's reason, when it gave one
 */

/**
 * @typedef {object} Listener what a connection calls; nothing after `ended`
 * @property {(codec: Codec, reply: object) => void} opened
 * @property {(message: Uint8Array) => void} received
 * @property {(ended: Ended) => void} ended
 */

export class Connection {
  #socket;
  #reader;
  #listener;
  #codec;
  #heartbeat;
  #connectTimer;
  #kicked;
  #isOver = false;

  /**
   * @param {string} url
   * @param {object} handshake what to send first
   * @param {{ WebSocket: typeof WebSocket, connectTimeoutMs: number, packageBytesMax: number }} options
   * @param {Listener} listener
   */
  constructor(url, handshake, { WebSocket, connectTimeoutMs, packageBytesMax }, listener) {
    this.#listener = listener;
    this.#reader = new PackageReader(packageBytesMax);
    const hello = encodePackage(PACKAGE.HANDSHAKE, toJsonBytes(handshake));
    try {
      this.#socket = new WebSocket(url);
    } catch (error) {
      throw new PomeloError('connect', `cannot connect to ${url}: ${error.message}`);
    }
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => this.#socket.send(hello);
    this.#socket.onmessage = ({ data }) => this.#take(data);
    // A browser does not say what is wrong, and a close always follows.
    this.#socket.onerror = () => {};
    this.#socket.onclose = ({ code, reason }) => this.#closed(url, code, reason);
    this.#connectTimer = setTimeout(() => {
      this.#end(new PomeloError('connect', `no handshake with ${url} within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
  }

  /** @param {Uint8Array} message */
  send(message) {
    this.#socket.send(encodePackage(PACKAGE.DATA, message));
  }

  close() {
    this.#end();
  }

  #take(data) {
    try {
      if (!(data instanceof ArrayBuffer)) throw new PomeloError('protocol', 'expected a binary frame, got text');
      for (const { type, body } of this.#reader.read(new Uint8Array(data))) {
        this.#heartbeat?.heard();
        this.#handle(type, body);
        // A handler may have closed it.
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#end(error);
    }
  }

  #handle(type, body) {
    switch (type) {
      case PACKAGE.HANDSHAKE:
        return this.#shakeHands(body);
      case PACKAGE.HEARTBEAT:
        return this.#heartbeat?.received();
      case PACKAGE.KICK:
        this.#kicked = reasonOf(body);
        return this.#end(new PomeloError('kicked', this.#kicked));
      case PACKAGE.DATA:
        if (!this.#codec) throw new PomeloError('protocol', 'expected a handshake first, got data');
        return this.#listener.received(body);
      default:
        throw new PomeloError('protocol', `expected packages of a server, got one of type ${type}`);
    }
  }

  #shakeHands(body) {
    if (this.#codec) throw new PomeloError('protocol', 'expected one handshake, got a second one');
    const reply = fromJsonBytes(body, 'handshake');
    if (reply?.code !== HANDSHAKE_OK) {
      const why = typeof reply?.message === 'string' ? `: ${reply.message}` : '';
      throw new PomeloError('refused', `the server refused the handshake with code ${reply?.code}${why}`);
    }
    const sys = Object(reply.sys);
    const codec = new Codec(sys);
    clearTimeout(this.#connectTimer);
    this.#codec = codec;
    this.#socket.send(encodePackage(PACKAGE.HANDSHAKE_ACK));
    if (sys.heartbeat > 0 && sys.heartbeat <= HEARTBEAT_SECONDS_MAX) {
      const lost = (waited) => this.#end(new PomeloError('timeout', `the server has said nothing for ${waited} ms`));
      this.#heartbeat = new Heartbeat(sys.heartbeat * 1000, () => this.#beat(), lost);
    }
    this.#listener.opened(codec, reply);
  }

  #beat() {
    this.#socket.send(encodePackage(PACKAGE.HEARTBEAT));
  }

  #closed(url, code, reason) {
    const why = reason || `the server closed the connection (code ${code})`;
    if (this.#codec) this.#end(new PomeloError('closed', why));
    else this.#end(new PomeloError('connect', `cannot connect to ${url} (code ${code})`));
  }

  #end(error) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#connectTimer);
    this.#heartbeat?.stop();
    // The other side may be dead, and the socket's own close event late: whoever ends it need not wait for that.
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#listener.ended({ error, kicked: this.#kicked });
  }
}

function reasonOf(body) {
  try {
    const { reason } = fromJsonBytes(body, 'kick');
    if (typeof reason === 'string') return reason.slice(0, REASON_LENGTH_MAX);
  } catch {
    // The kick counts, whatever came with it.
  }
  return 'no reason given';
}
