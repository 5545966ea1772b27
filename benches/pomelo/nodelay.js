'use strict';
// TCP_NODELAY on every socket of this process. Pomelo does not set it between its servers: a call there goes out in several
// small writes, and each but the first waits until the one before is acknowledged, up to 40 ms.

const net = require('net');

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...where) {
  return connect.apply(this, where).setNoDelay(true);
};

const emit = net.Server.prototype.emit;
net.Server.prototype.emit = function (event, ...values) {
  if (event === 'connection') values[0].setNoDelay(true);
  return emit.call(this, event, ...values);
};
