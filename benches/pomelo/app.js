'use strict';
// The chat tutorial's servers on the original Pomelo. `node app.js` starts the master, which starts one process for each
// server of config/servers.json. POMELO_BASE names another folder with `config` and `app` in it; then each process ends
// with the one that started it, that is, with its standard input. POMELO_NODELAY=1 sets what Pomelo leaves out.

if (process.env.POMELO_NODELAY) require('./nodelay');
const pomelo = require('pomelo');
const dispatch = require('./app/util/dispatch');

const app = pomelo.createApp({ base: process.env.POMELO_BASE || __dirname });
app.set('name', 'chat');

app.configure('production|development', 'connector', () => {
  app.set('connectorConfig', { connector: pomelo.connectors.hybridconnector, heartbeat: 3 });
});

app.configure('production|development', 'gate', () => {
  app.set('connectorConfig', { connector: pomelo.connectors.hybridconnector });
});

app.configure('production|development', () => {
  // A room is where its session's rid says.
  app.route('chat', (session, msg, context, next) => {
    next(null, dispatch(session.get('rid'), context.get('servers').chat).id);
  });
  app.filter(pomelo.timeout());
});

app.start();

if (process.env.POMELO_BASE) process.stdin.on('end', () => process.exit()).resume();

process.on('uncaughtException', (error) => console.error(`${app.getServerId()}: ${error.stack}`));
