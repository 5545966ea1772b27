// Text and JSON as bytes.

import { PomeloError } from './errors.js';

const encoder = new TextEncoder();
// A byte order mark is a character like others; without this it would be swallowed.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @param {string} text */
export const toBytes = (text) => encoder.encode(text);

/** @param {Uint8Array} bytes what is no UTF-8 becomes U+FFFD */
export const toText = (bytes) => decoder.decode(bytes);

/** @param {unknown} value */
export function toJsonBytes(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new PomeloError('body', `the body is no JSON: ${error.message}`);
  }
  if (text === undefined) throw new PomeloError('body', `the body is no JSON: it is ${typeof value}`);
  return toBytes(text);
}

/**
 * @param {Uint8Array} bytes
 * @param {string} what they are, for the error
 */
export function fromJsonBytes(bytes, what) {
  try {
    return JSON.parse(toText(bytes));
  } catch {
    throw new PomeloError('body', `expected JSON as ${what}, got ${bytes.length} bytes that are none`);
  }
}

/** @param {Uint8Array[]} parts */
export function concat(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
