// Pomelo's dialect of protobuf, as npm `pomelo-protobuf` 0.4.0 writes it: bodies by tag instead of by name.
//
// It is not Google's: a field is `varint(tag << 3 | wire type)` and a value, and the wire type is never read. Integers are
// varints, `int32` and `sInt32` zigzag; a repeated number is one field with a count, everything else repeated is a field
// an element.

import { PomeloError } from './errors.js';
import { concat, toBytes, toText } from './text.js';
import { Reader, varint } from './varint.js';

/** How deep messages may lie in messages. */
const DEPTH_MAX = 32;

const WIRE_TYPES = new Map([['uInt32', 0], ['int32', 0], ['sInt32', 0], ['double', 1], ['string', 2], ['float', 5]]);
const WIRE_TYPE_MESSAGE = 2;
const OPTIONS = ['required', 'optional', 'repeated'];

/** What the bodies of one direction look like, from `sys.protos.client` or `sys.protos.server` of a handshake. */
export class Schema {
  #roots = new Map();

  /**
   * @param {object} definitions a definition a route, and one a `message NAME`
   * @throws {PomeloError} `protocol`
   */
  constructor(definitions) {
    for (const [name, definition] of entries(definitions)) this.#roots.set(name, new Definition(name, definition, 0));
  }

  /** @param {string} route */
  has(route) {
    return this.#roots.has(route);
  }

  /**
   * @param {string} route that it has
   * @param {object} body what the definition does not name is left out
   * @returns {Uint8Array}
   * @throws {PomeloError} `body`
   */
  encode(route, body) {
    return this.#write(this.#roots.get(route), body, route, 0);
  }

  /**
   * @param {string} route that it has
   * @param {Uint8Array} bytes
   * @returns {object} fields that did not come are not in it
   * @throws {PomeloError} `protocol` or `body`
   */
  decode(route, bytes) {
    return this.#read(this.#roots.get(route), new Reader(bytes), route, 0);
  }

  #write(definition, body, path, depth) {
    if (depth > DEPTH_MAX) throw new PomeloError('body', `expected at most ${DEPTH_MAX} messages in each other`);
    if (typeof body !== 'object' || body === null) throw new PomeloError('body', `expected an object as ${path}`);
    for (const [name, { option }] of definition.fields) {
      if (option === 'required' && (body[name] ?? null) === null) {
        throw new PomeloError('body', `expected a value of ${path}.${name}, got none`);
      }
    }
    const parts = [];
    for (const [name, value] of Object.entries(body)) {
      const field = definition.fields.get(name);
      if (!field || value === null || value === undefined) continue;
      parts.push(...this.#field(definition, field, value, `${path}.${name}`, depth));
    }
    return concat(parts);
  }

  #field(definition, { type, tag, option }, value, path, depth) {
    const head = varint(tag * 8 + (WIRE_TYPES.get(type) ?? WIRE_TYPE_MESSAGE));
    if (option !== 'repeated') return [head, this.#value(definition, type, value, path, depth)];
    if (!Array.isArray(value)) throw new PomeloError('body', `expected an array as ${path}`);
    const values = value.map((element) => this.#value(definition, type, element, path, depth));
    if (isNumber(type) && values.length > 0) return [head, varint(values.length), ...values];
    return values.flatMap((bytes) => [head, bytes]);
  }

  #value(definition, type, value, path, depth) {
    if (type === 'string') {
      if (typeof value !== 'string') throw new PomeloError('body', `expected a string as ${path}`);
      const bytes = toBytes(value);
      return concat([varint(bytes.length), bytes]);
    }
    if (isNumber(type)) {
      if (typeof value !== 'number') throw new PomeloError('body', `expected a number as ${path}`);
      return number(type, value);
    }
    const bytes = this.#write(this.#message(definition, type), value, path, depth + 1);
    return concat([varint(bytes.length), bytes]);
  }

  #read(definition, reader, path, depth) {
    if (depth > DEPTH_MAX) throw new PomeloError('body', `expected at most ${DEPTH_MAX} messages in each other`);
    const body = {};
    while (reader.left > 0) {
      const tag = Math.floor(reader.varint() / 8);
      const name = definition.names.get(tag);
      if (name === undefined) throw new PomeloError('body', `expected a tag of ${path}, got ${tag}`);
      const { type, option } = definition.fields.get(name);
      const next = () => this.#next(definition, type, reader, `${path}.${name}`, depth);
      if (option !== 'repeated') {
        put(body, name, next());
      } else if (isNumber(type)) {
        // The count is not believed: the bytes end sooner than a loop that has none.
        const values = [];
        for (let count = reader.varint(); count > 0; count -= 1) values.push(next());
        put(body, name, values);
      } else {
        if (!Object.hasOwn(body, name)) put(body, name, []);
        body[name].push(next());
      }
    }
    return body;
  }

  #next(definition, type, reader, path, depth) {
    switch (type) {
      case 'uInt32':
        return reader.varint();
      case 'int32':
      case 'sInt32': {
        const value = reader.varint();
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      case 'float':
        return view(reader.bytes(4)).getFloat32(0, true);
      case 'double':
        return view(reader.bytes(8)).getFloat64(0, true);
      case 'string':
        return toText(reader.bytes(reader.varint()));
      default: {
        const bytes = reader.bytes(reader.varint());
        return this.#read(this.#message(definition, type), new Reader(bytes), path, depth + 1);
      }
    }
  }

  #message(definition, type) {
    const message = definition.messages.get(type) ?? this.#roots.get(`message ${type}`);
    if (!message) throw new PomeloError('body', `expected a definition of the message ${type}, got none`);
    return message;
  }
}

/** The fields of one message. */
class Definition {
  fields = new Map();
  names = new Map();
  messages = new Map();

  constructor(path, definition, depth) {
    if (depth > DEPTH_MAX) throw new PomeloError('protocol', `expected at most ${DEPTH_MAX} messages in each other`);
    for (const [name, field] of entries(definition)) {
      if (name === '__tags') continue;
      if (name === '__messages') {
        for (const [inner, fields] of entries(field)) this.messages.set(inner, new Definition(inner, fields, depth + 1));
        continue;
      }
      const { option, type, tag } = Object(field);
      if (!OPTIONS.includes(option) || typeof type !== 'string' || !Number.isInteger(tag) || tag < 1) {
        throw new PomeloError('protocol', `expected option, type and tag of ${path}.${name}`);
      }
      this.fields.set(name, { option, type, tag });
      this.names.set(tag, name);
    }
  }
}

function entries(object) {
  if (typeof object !== 'object' || object === null) throw new PomeloError('protocol', 'expected definitions as an object');
  return Object.entries(object);
}

/** A field named `__proto__` is a field, not the object's ancestor. */
function put(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

const isNumber = (type) => WIRE_TYPES.has(type) && type !== 'string';

function number(type, value) {
  if (type === 'uInt32') return varint(value);
  if (type === 'int32' || type === 'sInt32') return varint(value < 0 ? -2 * value - 1 : 2 * value);
  const bytes = new Uint8Array(type === 'float' ? 4 : 8);
  if (type === 'float') view(bytes).setFloat32(0, value, true);
  else view(bytes).setFloat64(0, value, true);
  return bytes;
}

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
