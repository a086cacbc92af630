// Google Consent Mode: everything denied before any Google command, updated when the person has chosen. Basic by itself,
// because Google's tags wait for their purpose like all others; with the stub in the page (`assent site tags --advanced`)
// they may run before. Loads nothing of Google's.

import { follow } from './shared.js';

const KEYS = [
  'ad_storage',
  'ad_user_data',
  'ad_personalization',
  'analytics_storage',
  'functionality_storage',
  'personalization_storage',
  'security_storage',
];

// Google reads real `arguments` objects and nothing else.
function command() {
  return arguments;
}

const layer = (window.dataLayer ||= []);
// Said already, by the stub in the page: all of it, and no yes among it.
const isSaid = [...layer].some(
  (entry) => entry && entry[0] == 'consent' && entry[1] == 'default' && entry[2] && KEYS.every((key) => entry[2][key] == 'denied'),
);
if (!isSaid) {
  const denied = {};
  for (const key of KEYS) denied[key] = 'denied';
  const first = [command('consent', 'default', denied), command('set', 'ads_data_redaction', true)];
  // In front of commands that wait for a tag which is still held back; a running tag only hears `push`.
  layer[window.google_tag_manager ? 'push' : 'unshift'](...first);
}

follow(
  (purpose) => purpose.google || [],
  (states) => window.dataLayer.push(command('consent', 'update', { ...states })),
);
