// Exchanges JSON, one value per line, with the parent process.

export class Lines {
  #pending = '';
  #values = [];
  #waiting;

  constructor() {
    // Not `readline`: it also cuts at U+2028, which a JSON string may hold.
    process.stdin.setEncoding('utf8').on('data', (chunk) => {
      const lines = (this.#pending + chunk).split('\n');
      this.#pending = lines.pop();
      this.#values.push(...lines.map((line) => JSON.parse(line)));
      this.#waiting?.();
    });
    // The parent process has ended.
    process.stdin.on('end', () => process.exit(1));
  }

  async next() {
    while (this.#values.length === 0) await new Promise((resolve) => (this.#waiting = resolve));
    return this.#values.shift();
  }

  /** Sends a request to the parent, and returns its answer. */
  ask(order) {
    this.print({ ask: order });
    return this.next();
  }

  print(value) {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
