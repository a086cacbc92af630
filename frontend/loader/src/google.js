// Google Consent Mode, basic: everything denied before any Google command, updated when the person has chosen. Only on
// sites whose notice names Google's keys. Loads nothing of Google's.

const KEYS = [
  'ad_storage',
  'ad_user_data',
  'ad_personalization',
  'analytics_storage',
  'functionality_storage',
  'personalization_storage',
  'security_storage',
];
const used = DATA.purposes.some((purpose) => purpose.google);

// Google reads real `arguments` objects and nothing else.
function command() {
  return arguments;
}

export const deny = () => {
  if (!used) return;
  const layer = (window.dataLayer ||= []);
  const denied = {};
  for (const key of KEYS) denied[key] = 'denied';
  const first = [command('consent', 'default', denied), command('set', 'ads_data_redaction', true)];
  // In front of commands that wait for a tag which is still held back; a running tag only hears `push`.
  layer[window.google_tag_manager ? 'push' : 'unshift'](...first);
};

// A key is granted when every purpose that names it is allowed.
export const update = (allowed) => {
  if (!used) return;
  const state = {};
  for (const { id, google } of DATA.purposes) {
    for (const key of google || []) {
      state[key] = allowed[id] && state[key] != 'denied' ? 'granted' : 'denied';
    }
  }
  window.dataLayer.push(command('consent', 'update', state));
};
