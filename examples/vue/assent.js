// Vue and `window.assent`: one composable, and what it lets a component do. No wrapper and no plugin; the tag in the page's head
// does the asking. Works with Vue 3. Types for `window.assent`: /v1/assent.d.ts on your Assent.

import { computed, shallowRef } from 'vue';

const state = shallowRef(window.assent?.state());
const hear = ({ detail }) => {
  state.value = detail;
};
document.addEventListener('assent:ready', hear);
document.addEventListener('assent:change', hear);

/** Whether `purpose` may be acted on now. False as long as nobody agreed, and wherever the embed cannot be loaded. */
export const useAllowed = (purpose) => computed(() => state.value?.allowed[purpose] === true);
