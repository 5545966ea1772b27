'use strict';

module.exports = (app) => ({
  // Says something to the sender's whole room, or to one user in it.
  send({ content, target, route }, session, next) {
    const rid = session.get('rid');
    const [from] = session.uid.split('*');
    const channels = app.get('channelService');
    const channel = channels.getChannel(rid, false);
    const push = { msg: content, from, target };
    if (target === '*') {
      channel.pushMessage('onChat', push);
    } else {
      const uid = `${target}*${rid}`;
      const { sid } = channel.getMember(uid);
      channels.pushMessageByUids('onChat', push, [{ uid, sid }]);
    }
    next(null, { route });
  },
});
