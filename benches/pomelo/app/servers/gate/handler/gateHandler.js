'use strict';

const dispatch = require('../../../util/dispatch');

module.exports = (app) => ({
  // Names the connector for a user.
  queryEntry({ uid }, session, next) {
    const connectors = app.get('servers').connector;
    if (!uid || !connectors) return next(null, { code: 500 });
    const { host, clientPort } = dispatch(uid, connectors);
    next(null, { code: 200, host, port: clientPort });
  },
});
