// JSON, a line a value, with the process that started this one.

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
    // Whoever started this has gone.
    process.stdin.on('end', () => process.exit(1));
  }

  async next() {
    while (this.#values.length === 0) await new Promise((resolve) => (this.#waiting = resolve));
    return this.#values.shift();
  }

  /** Has the other side do something, and gives its answer. */
  ask(order) {
    this.print({ ask: order });
    return this.next();
  }

  print(value) {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
