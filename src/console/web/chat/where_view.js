// Shows a user's connector and chat server: polled while the page is visible, with a line in the
// log when the room moves.

import { serversOf } from './where.js';

const ASK_EVERY_MS = 2_000;
const UNKNOWN = 'unknown';

export class WhereView {
  #line;
  #servers;
  #log;
  #timer;
  #round = 0;
  #chat;

  /**
   * @param {Record<string, HTMLElement>} parts of a pane
   * @param {import('./log.js').Log} log
   */
  constructor({ where, connector, chat }, log) {
    this.#line = where;
    this.#servers = { connector, chat };
    this.#log = log;
  }

  /**
   * @param {import('./session.js').State} state
   * @param {{ name: string, room: string }} user
   */
  show({ phase, connector }, { name, room }) {
    clearTimeout(this.#timer);
    this.#round += 1;
    this.#line.hidden = phase !== 'connected';
    // Until the cluster answers, the servers of the last connection would be wrong.
    for (const what of Object.keys(this.#servers)) this.#set(what, UNKNOWN);
    if (phase === 'left' || phase === 'refused') this.#chat = undefined;
    if (phase === 'connected') this.#ask({ name, room, connector }, this.#round);
  }

  async #ask(user, round) {
    const { connector, chat } = document.hidden ? {} : await serversOf(user);
    // The user has left or reconnected meanwhile.
    if (round !== this.#round) return;
    if (!document.hidden) {
      this.#set('connector', connector ?? `${UNKNOWN} (${user.connector.host}:${user.connector.port})`);
      this.#set('chat', chat ?? UNKNOWN);
      if (chat && this.#chat && chat !== this.#chat) this.#moved(chat);
      this.#chat = chat ?? this.#chat;
    }
    this.#timer = setTimeout(() => this.#ask(user, round), ASK_EVERY_MS);
  }

  #moved(to) {
    this.#log.note(`the room moved from ${this.#chat} to ${to}`);
    const { chat } = this.#servers;
    chat.classList.add('moved');
    chat.addEventListener('animationend', () => chat.classList.remove('moved'), { once: true });
  }

  #set(what, words) {
    const part = this.#servers[what];
    if (part.textContent !== words) part.textContent = words;
  }
}
