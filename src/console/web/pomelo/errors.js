// The one error of this module, with a code that programs can tell apart.

/**
 * What went wrong:
 * - `connect`: the server could not be reached, or did not finish its handshake in time
 * - `refused`: the server answered the handshake with another code than 200
 * - `timeout`: no answer to a request, or no sign of life, in time
 * - `closed`: the connection has ended, or there is none; the message is the server's reason, if it
 *   gave one
 * - `kicked`: the server ended it, and said why
 * - `protocol`: the server sent bytes that are no Pomelo
 * - `body`: a message's body cannot be read, or cannot be written
 * @typedef {'connect'|'refused'|'timeout'|'closed'|'kicked'|'protocol'|'body'} ErrorCode
 */

export class PomeloError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message what was expected, and what came
   */
  constructor(code, message) {
    super(message);
    this.name = 'PomeloError';
    /** @type {ErrorCode} */
    this.code = code;
  }
}
