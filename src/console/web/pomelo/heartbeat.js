// Heartbeats of one connection: one an interval, and the end of it when nothing is heard for two.

/** What a slow network may add before the other side counts as gone. */
const GRACE_MS = 500;

export class Heartbeat {
  #intervalMs;
  #send;
  #lost;
  #beat;
  #deadline;
  #heard = false;

  /**
   * @param {number} intervalMs
   * @param {() => void} send sends one
   * @param {(waitedMs: number) => void} lost is told once, when nothing came in time
   */
  constructor(intervalMs, send, lost) {
    this.#intervalMs = intervalMs;
    this.#send = send;
    this.#lost = lost;
    this.#listen();
  }

  /** A heartbeat has come: the next one of ours is due an interval later. */
  received() {
    // Set here, where a message has arrived, and not by a timer of its own: browsers slow down timers that set each
    // other in pages that nobody sees, down to one a minute, and the server would take the client for lost.
    clearTimeout(this.#beat);
    clearTimeout(this.#deadline);
    this.#beat = setTimeout(() => this.#next(), this.#intervalMs);
  }

  /** Something else has come: whoever talks is there. */
  heard() {
    this.#heard = true;
  }

  stop() {
    clearTimeout(this.#beat);
    clearTimeout(this.#deadline);
  }

  #next() {
    this.#send();
    this.#listen();
  }

  #listen() {
    this.#heard = false;
    const waitedMs = 2 * this.#intervalMs + GRACE_MS;
    this.#deadline = setTimeout(() => (this.#heard ? this.#next() : this.#lost(waitedMs)), waitedMs);
  }
}
