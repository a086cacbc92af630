// Matomo: it waits for a yes, and forgets it when it is taken back. A yes is said on each page again, so that Matomo keeps
// no memory of its own.

import { follow, named } from './shared.js';

const queue = (window._paq ||= []);
// Before its script runs it is a list; then it takes `push` alone.
queue[queue.unshift ? 'unshift' : 'push'](['requireConsent']);

let given;
follow(named('matomo'), ({ matomo }) => {
  const now = matomo == 'granted';
  // A no that follows no yes needs nothing: Matomo would only store it.
  if (now || given) window._paq.push([now ? 'setConsentGiven' : 'forgetConsentGiven']);
  given = now;
});
