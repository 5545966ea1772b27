// Messages, the bodies of data packages: a flag byte, an id and a route where the kind has them, and the rest is the body.

import { PomeloError } from './errors.js';
import { concat, toBytes, toText } from './text.js';
import { Reader, varint } from './varint.js';

/** The kinds. */
export const MESSAGE = Object.freeze({ REQUEST: 0, NOTIFY: 1, RESPONSE: 2, PUSH: 3 });

const ROUTE_BYTES_MAX = 255;
const COMPRESSED = 1;

const hasId = (kind) => kind === MESSAGE.REQUEST || kind === MESSAGE.RESPONSE;
const hasRoute = (kind) => kind !== MESSAGE.RESPONSE;

/**
 * @typedef {object} Message
 * @property {number} kind one of `MESSAGE`
 * @property {number} [id] of requests and responses
 * @property {string|number} [route] of all but responses: its name, or its code in the dictionary
 * @property {Uint8Array} body
 */

/**
 * @param {Message} message
 * @returns {Uint8Array}
 */
export function encodeMessage({ kind, id, route, body }) {
  const isCode = hasRoute(kind) && typeof route === 'number';
  /** @type {Uint8Array[]} */
  const parts = [Uint8Array.of((kind << 1) | (isCode ? COMPRESSED : 0))];
  if (hasId(kind)) parts.push(varint(id));
  if (isCode) {
    parts.push(Uint8Array.of(route >>> 8, route));
  } else if (hasRoute(kind)) {
    const name = toBytes(/** @type {string} */ (route));
    if (name.length > ROUTE_BYTES_MAX) {
      throw new PomeloError('body', `expected a route of at most ${ROUTE_BYTES_MAX} bytes, got ${name.length}`);
    }
    parts.push(Uint8Array.of(name.length), name);
  }
  return concat([...parts, body]);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Message}
 * @throws {PomeloError} `protocol`
 */
export function decodeMessage(bytes) {
  const reader = new Reader(bytes);
  const flag = reader.byte();
  const kind = (flag >> 1) & 7;
  if (kind > MESSAGE.PUSH) throw new PomeloError('protocol', `expected a message of kind 0 to 3, got ${kind}`);
  /** @type {Message} */
  const message = { kind, body: undefined };
  if (hasId(kind)) message.id = reader.varint();
  if (hasRoute(kind)) {
    const isCode = (flag & COMPRESSED) !== 0;
    message.route = isCode ? (reader.byte() << 8) | reader.byte() : toText(reader.bytes(reader.byte()));
  }
  message.body = reader.rest();
  return message;
}
