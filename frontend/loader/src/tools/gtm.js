// Tag Manager and whatever else listens to the data layer: one event `assent` with what holds for each purpose that names
// it, as triggers and variables (`assent.analytics`) of a container take it.

import { named } from './shared.js';

let before;
HEAR((allowed) => {
  const assent = {};
  for (const purpose of PURPOSES) {
    if (named('gtm')(purpose).length) assent[purpose.id] = allowed[purpose.id] ? 'granted' : 'denied';
  }
  const now = Object.entries(assent).join();
  if (now != before) (window.dataLayer ||= []).push({ event: 'assent', assent });
  before = now;
});
