// Microsoft Clarity (consentv2): no to both of its keys before its script runs.

import { follow, named } from './shared.js';

// Clarity's own snippet leaves what is there, and reads the queue.
window.clarity ||= function () {
  (window.clarity.q ||= []).push(arguments);
};
const say = (states) =>
  window.clarity('consentv2', {
    ad_Storage: states['clarity-ads'] || 'denied',
    analytics_Storage: states.clarity || 'denied',
  });
say({});

follow(named('clarity', 'clarity-ads'), say);
