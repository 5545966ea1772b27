// What the two sides of one connection agreed on in their handshake: a dictionary of routes, definitions of bodies.

import { PomeloError } from './errors.js';
import { encodeMessage } from './message.js';
import { Schema } from './protobuf.js';
import { fromJsonBytes, toJsonBytes } from './text.js';

const CODE_MAX = 0xffff;

export class Codec {
  #codes = new Map();
  #routes = new Map();
  #sent = new Schema({});
  #received = new Schema({});

  /**
   * @param {object} sys of the server's handshake
   * @throws {PomeloError} `protocol`
   */
  constructor({ dict, useDict, protos, useProto }) {
    // A server leaves them out when the client says that it has them, and this one never does.
    if ((useDict && !dict) || (useProto && !protos)) {
      throw new PomeloError('protocol', 'expected dictionary and definitions in the handshake, got only that they are used');
    }
    for (const [route, code] of Object.entries(dict ?? {})) {
      if (!Number.isInteger(code) || code < 0 || code > CODE_MAX) {
        throw new PomeloError('protocol', `expected codes from 0 to ${CODE_MAX} in the dictionary, got ${code}`);
      }
      this.#codes.set(route, code);
      this.#routes.set(code, route);
    }
    if (protos) {
      this.#sent = new Schema(protos.client ?? {});
      this.#received = new Schema(protos.server ?? {});
    }
  }

  /**
   * A message as bytes.
   * @param {{ kind: number, id?: number, route: string, body: unknown }} message
   * @throws {PomeloError} `body`
   */
  encode({ kind, id, route, body }) {
    const bytes = this.#sent.has(route) ? this.#sent.encode(route, body) : toJsonBytes(body);
    return encodeMessage({ kind, id, route: this.#codes.get(route) ?? route, body: bytes });
  }

  /**
   * The name of a route that came.
   * @param {string|number} route
   * @throws {PomeloError} `protocol`
   */
  route(route) {
    const name = typeof route === 'number' ? this.#routes.get(route) : route;
    if (name === undefined) throw new PomeloError('protocol', `expected a code of the dictionary as route, got ${route}`);
    return name;
  }

  /**
   * A body that came.
   * @param {string} route of the push, or of the request that was answered
   * @param {Uint8Array} bytes
   * @throws {PomeloError} `body` or `protocol`
   */
  body(route, bytes) {
    if (this.#received.has(route)) return this.#received.decode(route, bytes);
    return fromJsonBytes(bytes, `body of ${route}`);
  }
}
