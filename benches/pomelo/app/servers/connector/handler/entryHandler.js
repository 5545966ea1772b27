'use strict';

module.exports = (app) => ({
  // Binds the session to its user and lets it into the room.
  enter({ username, rid }, session, next) {
    const uid = `${username}*${rid}`;
    if (app.get('sessionService').getByUid(uid)) return next(null, { code: 500, error: true });
    session.bind(uid);
    session.set('rid', rid);
    session.push('rid', (error) => {
      if (error) console.error(`cannot keep the rid of ${uid}: ${error}`);
    });
    session.on('closed', (closed) => leave(app, closed));
    app.rpc.chat.chatRemote.add(session, uid, app.getServerId(), rid, (error, users) => {
      if (error) return next(null, { code: 500, error: true });
      next(null, { users });
    });
  },
});

function leave(app, session) {
  const { uid } = session;
  if (!uid) return;
  app.rpc.chat.chatRemote.kick(session, uid, app.getServerId(), session.get('rid'), (error) => {
    if (error) console.error(`cannot take ${uid} out of its room: ${error}`);
  });
}
