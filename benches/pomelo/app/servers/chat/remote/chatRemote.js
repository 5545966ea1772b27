'use strict';

const nameOf = (uid) => uid.split('*')[0];

module.exports = (app) => ({
  // Tells the room, adds the user, and answers with the names of all who are there.
  add(uid, sid, rid, done) {
    const channel = app.get('channelService').getChannel(rid, true);
    channel.pushMessage({ route: 'onAdd', user: nameOf(uid) });
    channel.add(uid, sid);
    done(null, channel.getMembers().map(nameOf));
  },

  // Takes the user out of the room and tells those who stay.
  kick(uid, sid, rid, done) {
    const channel = app.get('channelService').getChannel(rid, false);
    if (channel) {
      channel.leave(uid, sid);
      channel.pushMessage({ route: 'onLeave', user: nameOf(uid) });
    }
    done();
  },
});
