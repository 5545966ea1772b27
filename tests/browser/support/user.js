// A user of the chat page: drives one pane like a person.

import { eventually } from './expect.js';

export class User {
  /**
   * @param {import('playwright-core').Page} page
   * @param {number} [index] of the pane
   */
  constructor(page, index = 0) {
    this.page = page;
    this.pane = page.locator('section.pane').nth(index);
  }

  /** Fills the form and enters; does not wait. */
  async enter(name, room) {
    await this.pane.getByLabel('Name').fill(name);
    await this.pane.getByLabel('Room').fill(room);
    await this.pane.getByRole('button', { name: 'Enter' }).click();
    return this;
  }

  get input() {
    return this.pane.getByRole('textbox', { name: /^Message to/ });
  }

  /** Sends a message to the pane's current target. */
  async say(text) {
    await this.input.fill(text);
    await this.input.press('Enter');
  }

  /** Sends a private message, and switches back to all. */
  async sayTo(name, text) {
    await this.pane.getByRole('button', { name, exact: true }).click();
    await this.say(text);
    await this.input.press('Escape');
  }

  state() {
    return this.pane.locator('.badge').textContent();
  }

  /** The title of the pane. */
  title() {
    return this.pane.locator('h2').textContent();
  }

  /** The member list, in order. */
  people() {
    return this.pane.locator('.people li').allTextContents();
  }

  /** The lines, in order: quiet ones as text, others as `name: text`, private ones with a `!` before. */
  lines() {
    return this.pane.locator('.log').evaluate((log) =>
      [...log.children].map((line) => {
        const text = [...line.childNodes].filter((node) => node.nodeName !== 'TIME').map((node) => node.textContent);
        const mark = line.classList.contains('private') ? '!' : '';
        return line.classList.contains('note') ? text.join('') : `${mark}${text.join(': ')}`;
      }),
    );
  }

  async is(state) {
    await eventually(`${await this.title()} is ${state}`, () => this.state(), state);
    return this;
  }

  /** Waits until the last lines are these. */
  hears(...lines) {
    return eventually('the last lines', async () => (await this.lines()).slice(-lines.length), lines);
  }

  sees(...people) {
    return eventually('who is here', () => this.people(), people);
  }
}
