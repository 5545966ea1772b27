// The member list; choosing a name starts a private message.

import { element, nameOf, plain } from './dom.js';

/** Most names shown; the count includes all. */
const SHOWN_MAX = 200;

export class People {
  #list;
  #count;
  #chosen;
  #me;
  #names = [];
  #isDrawn = true;

  /**
   * @param {{ people: HTMLElement, count: HTMLElement }} parts
   * @param {(name: string) => void} chosen called with the recipient of a private message
   */
  constructor({ people, count }, chosen) {
    this.#list = people;
    this.#count = count;
    this.#chosen = chosen;
  }

  /** @param {string[]} names includes the user's own, which is marked */
  set(names, me) {
    this.#names = [...names];
    this.#me = me;
    this.#draw();
  }

  add(name) {
    this.#names.push(name);
    this.#draw();
  }

  remove(name) {
    const index = this.#names.indexOf(name);
    if (index >= 0) this.#names.splice(index, 1);
    this.#draw();
  }

  /** At most once per frame. */
  #draw() {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    requestAnimationFrame(() => {
      this.#isDrawn = true;
      const focused = this.#list.contains(document.activeElement) ? document.activeElement.textContent : undefined;
      this.#count.textContent = `${this.#names.length} here`;
      const items = this.#names.slice(0, SHOWN_MAX).map((name) => this.#item(name));
      const more = this.#names.length - items.length;
      if (more > 0) items.push(element('li', {}, element('span', { class: 'quiet' }, `and ${more} more`)));
      this.#list.replaceChildren(...items);
      // The list was rebuilt: restore the keyboard focus.
      const buttons = [...this.#list.querySelectorAll('button')];
      if (focused !== undefined) buttons.find((button) => button.textContent === focused)?.focus();
    });
  }

  #item(name) {
    if (name === this.#me) return element('li', {}, element('span', {}, nameOf(name), ' (you)'));
    const button = element('button', { type: 'button', class: 'plain small' }, nameOf(name));
    button.title = `Write to ${plain(name)} alone`;
    button.addEventListener('click', () => this.#chosen(name));
    return element('li', {}, button);
  }
}
