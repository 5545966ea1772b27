'use strict';

const crc = require('crc');

// The server for a key: its CRC-32 modulo how many there are, in the order of servers.json.
module.exports = (key, servers) => servers[Math.abs(crc.crc32(key)) % servers.length];
