// React and `window.assent`: one hook, and what it lets a component do. No wrapper and no provider; the tag in the page's head
// does the asking. Works with React 18 and later. Types for `window.assent`: /v1/assent.d.ts on your Assent.

import { useSyncExternalStore } from 'react';

let state = window.assent?.state();
const changed = (tell) => {
  const hear = ({ detail }) => {
    state = detail;
    tell();
  };
  document.addEventListener('assent:ready', hear);
  document.addEventListener('assent:change', hear);
  return () => {
    document.removeEventListener('assent:ready', hear);
    document.removeEventListener('assent:change', hear);
  };
};

/** Whether `purpose` may be acted on now. False as long as nobody agreed, and wherever the embed cannot be loaded. */
export const useAllowed = (purpose) =>
  useSyncExternalStore(
    changed,
    () => state?.allowed[purpose] === true,
    () => false,
  );
