// The environment of one check: pages in separate contexts, which must not log errors, and requests
// to the Rust side.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

import { PATIENCE_MS, eventually } from './expect.js';

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

export class Stage {
  #browser;
  #folder;
  #contexts = [];
  #servers = [];
  #problems = [];

  constructor({ browser, url, pictures, args, ask }) {
    this.#browser = browser;
    this.#folder = pictures;
    this.url = url;
    this.args = args;
    /** Sends a request to the Rust side of the test. */
    this.ask = ask;
  }

  /**
   * Opens a page in a new context.
   * @param {string} address below the server's URL, or another server's URL
   * @param {{ expected?: RegExp } & import('playwright-core').BrowserContextOptions} [options]
   *   `expected`: complaints that belong to the check, such as those of a socket that is cut
   */
  async page(address = '/', { expected, ...options } = {}) {
    const url = new URL(address, this.url);
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const complain = (what) => expected?.test(what) || this.#problems.push(`${address}: ${what}`);
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complain(message.text()));
    page.on('pageerror', (error) => complain(error.stack));
    page.on('dialog', (dialog) => {
      complain(`a dialog: ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url());
      if (protocol.startsWith('http') && host !== url.host) complain(`asks another host: ${request.url()}`);
    });
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        console.error(`policy: ${violatedDirective} ${blockedURI}`);
      });
    });
    await page.goto(url.href);
    return page;
  }

  /**
   * A web server of its own, as others have one for their pages, until the check is over.
   * @param {Record<string, string>} files by name
   * @returns {Promise<string>} its URL
   */
  async serve(files) {
    const server = createServer((request, response) => {
      const name = new URL(request.url, 'http://any').pathname.slice(1);
      const type = name.endsWith('.html') ? 'text/html' : 'text/javascript';
      response.writeHead(Object.hasOwn(files, name) ? 200 : 404, { 'content-type': `${type}; charset=utf-8` });
      response.end(files[name]);
    });
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${server.address().port}/`;
  }

  /** Fails when a page has complained, asked another host, or shown a dialog. */
  isQuiet() {
    if (this.#problems.length > 0) throw new Error(`the pages complained:\n${this.#problems.join('\n')}`);
  }

  /** Fails with what axe finds against WCAG A and AA. */
  async isAccessible(page) {
    // The pages' policy allows only their own scripts; scripts of the debugger are exempt.
    const run = `(() => { ${AXE}; return axe.run({ runOnly: ${JSON.stringify(RULES)} }) })()`;
    const told = async () => {
      const { violations } = await page.evaluate(run);
      return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} (${help}): ${node.html}\n  ${node.failureSummary}`));
    };
    // The live page moves while axe measures it: only what it finds again is a fault.
    const first = await told();
    if (first.length > 0) await eventually('axe', told, (found) => found.length === 0);
  }

  /** Fails when a page is wider than its window. */
  async fitsItsWidth(page) {
    const [inner, outer] = await page.evaluate(() => {
      // Not only the page itself: a box that scrolls sideways hides content, too.
      const wide = [document.scrollingElement, ...document.querySelectorAll('main, .pane, .log, .people')];
      const worst = wide.reduce((a, b) => (b.scrollWidth - b.clientWidth > a.scrollWidth - a.clientWidth ? b : a));
      return [worst.scrollWidth, worst.clientWidth];
    });
    if (inner > outer) throw new Error(`expected everything within ${outer} px, it takes ${inner}`);
  }

  /** Saves a picture under this name or absolute path, without extension, and returns its path. */
  async picture(page, name, options = {}) {
    const file = path.resolve(this.#folder, `${name}.png`);
    await page.screenshot({ path: file, animations: 'disabled', ...options });
    return file;
  }

  /** Pictures of all pages. */
  async pictures(name) {
    const pages = this.#contexts.flatMap((context) => context.pages());
    const taken = pages.map((page, index) => this.picture(page, `${name}-${index}`).catch((error) => error.message));
    return Promise.all(taken);
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close()));
    this.#servers.forEach((server) => server.close());
  }
}
