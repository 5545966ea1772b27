// What the kinds of clients share.
'use strict';

// What the chat tutorial pushes.
exports.PUSHES = ['onAdd', 'onChat', 'onLeave'];

// Does something, and waits for the event that it leads to.
exports.after = (emitter, event, act) =>
  new Promise((resolve) => {
    emitter.once(event, () => resolve());
    act();
  });
