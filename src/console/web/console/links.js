// The state of the link between two servers: the first matching rule decides, as in the router.

/** Worse comes later. */
const WORSE = ['ok', 'slow', 'lossy', 'cut'];

/** `ok`, `slow`, `lossy` or `cut`: the link from one server (`{id, serverType}`) to another, in that direction. */
export function linkState(rules, from, to) {
  const rule = rules.find((rule) => holds(rule, from, to) || (rule.both && holds(rule, to, from)));
  return rule ? ruleState(rule) : 'ok';
}

/** The worse direction of the two. */
export function pairState(rules, one, other) {
  return worse(linkState(rules, one, other), linkState(rules, other, one));
}

/** What a rule does, in a word. */
export function ruleState(rule) {
  if (rule.cut || rule.loss >= 1) return 'cut';
  if (rule.loss > 0) return 'lossy';
  return rule.latency ? 'slow' : 'ok';
}

/** What a rule does, as people say it: `20ms..50ms, 1 % lost`. */
export function ruleWords(rule) {
  if (rule.cut) return 'cut: nothing arrives';
  const words = [];
  if (rule.latency) words.push(`takes ${rule.latency}`);
  if (rule.loss > 0) words.push(`${+(rule.loss * 100).toFixed(2)} % lost and sent again`);
  return words.join(', ');
}

/** The worse of two states. */
export function worse(one, other) {
  return WORSE.indexOf(one) >= WORSE.indexOf(other) ? one : other;
}

function holds(rule, from, to) {
  return names(rule.from ?? '*', from) && names(rule.to ?? '*', to);
}

function names(pattern, server) {
  return pattern === '*' || pattern === server.id || pattern === server.serverType;
}
