// Packages: `type(1) length(3, big endian) body`. A connection carries nothing else.

import { PomeloError } from './errors.js';
import { concat } from './text.js';

/** The types. */
export const PACKAGE = Object.freeze({ HANDSHAKE: 1, HANDSHAKE_ACK: 2, HEARTBEAT: 3, DATA: 4, KICK: 5 });

const HEADER_BYTES = 4;
const BODY_BYTES_LIMIT = 0xffffff;

/**
 * @param {number} type one of `PACKAGE`
 * @param {Uint8Array} [body]
 * @returns {Uint8Array}
 */
export function encodePackage(type, body = new Uint8Array()) {
  const { length } = body;
  if (length > BODY_BYTES_LIMIT) {
    throw new PomeloError('body', `expected at most ${BODY_BYTES_LIMIT} bytes in a package, got ${length}`);
  }
  const bytes = new Uint8Array(HEADER_BYTES + length);
  bytes.set([type, length >>> 16, length >>> 8, length]);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/**
 * Finds the packages in a stream of pieces, however it is cut: several in one piece, one over many pieces.
 * It holds no more than what has arrived of one package, and never makes room for what a length only promises.
 */
export class PackageReader {
  #bodyBytesMax;
  #held = [];
  #heldBytes = 0;
  #neededBytes = HEADER_BYTES;

  /** @param {number} [bodyBytesMax] of a package */
  constructor(bodyBytesMax = BODY_BYTES_LIMIT) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /**
   * @param {Uint8Array} piece
   * @yields {{ type: number, body: Uint8Array }} what is complete now; take all of it before the next piece
   * @throws {PomeloError} `protocol`; the stream is of no more use then
   */
  *read(piece) {
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes < this.#neededBytes) return;
    let bytes = this.#held.length === 1 ? piece : concat(this.#held);
    while (bytes.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#bodyBytes(bytes);
      this.#neededBytes = end;
      if (bytes.length < end) break;
      yield { type: bytes[0], body: bytes.subarray(HEADER_BYTES, end) };
      bytes = bytes.subarray(end);
      this.#neededBytes = HEADER_BYTES;
    }
    this.#held = bytes.length > 0 ? [bytes] : [];
    this.#heldBytes = bytes.length;
  }

  /** @param {Uint8Array} bytes from a package's beginning */
  #bodyBytes(bytes) {
    const [type, high, middle, low] = bytes;
    if (type < PACKAGE.HANDSHAKE || type > PACKAGE.KICK) {
      throw new PomeloError('protocol', `expected a package of type 1 to 5, got ${type}`);
    }
    const length = (high << 16) | (middle << 8) | low;
    if (length > this.#bodyBytesMax) {
      throw new PomeloError('protocol', `expected a package of at most ${this.#bodyBytesMax} bytes, got ${length}`);
    }
    return length;
  }
}
