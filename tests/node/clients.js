// Pomelo's clients behind standard input and output: a command in JSON a line in; answers and events, a line each, out.
'use strict';

// The clients log freely; standard output is for answers.
console.log = console.error;

// A kind is a function: it takes `emit(event, body)` and gives a client that can `open`, `request`, `notify`, `close`.
const kinds = {
  browser: require('./clients/browser'),
  nodejs: require('./clients/nodejs'),
  ours: require('./clients/ours'),
  tcp: require('./clients/tcp'),
};

const clients = new Map();

const operations = {
  create: ({ client, kind, options }) => {
    const emit = (event, body) => print({ client, event, body });
    clients.set(client, kinds[kind](emit, options || {}));
  },
  open: ({ client, host, port }) => clients.get(client).open(host, port),
  request: ({ client, route, body }) => clients.get(client).request(route, body),
  notify: ({ client, route, body }) => clients.get(client).notify(route, body),
  close: ({ client }) => clients.get(client).close(),
};

// Not `readline`: it also cuts at U+2028, which a JSON string may hold.
let pending = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  const lines = (pending + chunk).split('\n');
  pending = lines.pop();
  lines.forEach((line) => perform(JSON.parse(line)));
});
// Whoever started this has gone, and the clients with it.
process.stdin.on('end', () => process.exit());

// Begins in the order of the lines, and answers in the order in which things are done.
async function perform(command) {
  try {
    print({ answer: command.id, ok: await operations[command.op](command) });
  } catch (error) {
    print({ answer: command.id, error: error.message });
  }
}

function print(value) {
  process.stdout.write(JSON.stringify(value) + '\n');
}
