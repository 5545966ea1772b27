'use strict';

// The master says so once every server has registered and started: from here on logins succeed.
exports.afterStartAll = () => console.log('all servers started');
