// Integers of base 128, lowest group first, and a reader that never looks past the end.

import { PomeloError } from './errors.js';

/** More bytes than an integer that JavaScript counts exactly can have. */
const VARINT_BYTES_MAX = 8;

/**
 * @param {number} value from 0 to 2^53 − 1
 * @returns {Uint8Array}
 */
export function varint(value) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new PomeloError('body', `expected an integer from 0 to 2^53 - 1, got ${value}`);
  }
  const bytes = [];
  // Not by shifts, which count to 2^31 only.
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return Uint8Array.from(bytes);
}

export class Reader {
  #bytes;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** How many bytes are left. */
  get left() {
    return this.#bytes.length - this.#at;
  }

  byte() {
    return this.bytes(1)[0];
  }

  /** @param {number} count */
  bytes(count) {
    if (count > this.left) throw new PomeloError('protocol', `expected ${count} more bytes, got ${this.left}`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  rest() {
    return this.bytes(this.left);
  }

  varint() {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count += 1) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value;
    }
    throw new PomeloError('protocol', 'expected an integer up to 2^53 - 1, got a larger one');
  }
}
