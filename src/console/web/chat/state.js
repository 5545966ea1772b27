// Shows the state of a connection as text.

import { foreign } from './dom.js';

const TICK_MS = 250;

export class StateView {
  #badge;
  #notice;
  #text;
  #again;
  #status;
  #timer;

  /** Of what is shown. */
  phase = 'left';

  /**
   * @param {Record<string, HTMLElement>} parts of a pane
   * @param {() => void} again called to retry at once, or to come back after a kick
   */
  constructor(parts, again) {
    this.#badge = parts.state;
    this.#notice = parts.notice;
    this.#text = parts['notice-text'];
    this.#again = parts.again;
    this.#status = parts.status;
    this.#again.addEventListener('click', again);
  }

  /** @param {import('./session.js').State} state */
  show(state) {
    clearInterval(this.#timer);
    this.phase = state.phase;
    this.#notice.hidden = !['waiting', 'kicked'].includes(state.phase);
    switch (state.phase) {
      case 'connecting':
        return this.#say('warn', state.again ? 'reconnecting' : 'connecting');
      case 'connected':
        return this.#say('good', 'connected');
      case 'waiting':
        return this.#wait(state);
      case 'kicked':
        this.#notice.dataset.state = 'bad';
        this.#text.replaceChildren('The server ended the connection: ', foreign(state.reason));
        this.#again.textContent = 'Enter again';
        return this.#say('bad', 'kicked', `kicked: ${state.reason}`);
      case 'refused':
        return this.#say('bad', 'refused', '');
      default:
        return this.#say('', 'not connected');
    }
  }

  /** @param {import('./session.js').State} state */
  #wait({ until, why }) {
    this.#notice.dataset.state = 'warn';
    this.#text.textContent = `Connection lost: ${why}. The way back goes through the gate.`;
    this.#again.textContent = 'Try now';
    const tick = () => {
      const seconds = Math.max(1, Math.ceil((until - performance.now()) / 1000));
      const words = `reconnecting in ${seconds} s`;
      if (this.#badge.textContent !== words) this.#say('warn', words, 'connection lost, reconnecting');
    };
    tick();
    this.#timer = setInterval(tick, TICK_MS);
  }

  /** The text for screen readers: no repetitions, and no countdown. */
  #say(state, words, aloud = words) {
    this.#badge.dataset.state = state;
    this.#badge.textContent = words;
    if (this.#status.textContent !== aloud) this.#status.textContent = aloud;
  }
}
