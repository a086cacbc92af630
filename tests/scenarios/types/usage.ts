// How a site's own code uses `window.assent`: what the types allow, and, after `@ts-expect-error`, what they must not. Only checked by
// the compiler, never run.

/// <reference path="../../../frontend/loader/assent.d.ts" />
import type { Assent, Choice, State } from '../../../frontend/loader/assent.js';

document.addEventListener('assent:ready', ({ detail }) => {
  const state: State = detail;
  const first: boolean | undefined = Object.values(state.allowed)[0];
  const said: Choice | undefined = state.choices.analytics;
  console.log(first, said, state.decided, state.notice, state.language, state.signals.gpc, state.signals.dnt);
});
document.addEventListener('assent:change', (event) => event.detail.allowed.analytics === true);
document.addEventListener('assent:recorded', (event) => JSON.parse(event.detail));

const uses = async (assent: Assent): Promise<void> => {
  const stop: () => void = assent.on('change', (state) => console.log(state.allowed.analytics));
  assent.on('recorded', (receipt) => receipt.length);
  stop();
  assent.open();
  const receipts: string[] = [
    await assent.acceptAll(),
    await assent.rejectAll(),
    await assent.set({ analytics: true, surveys: 'no' }),
    await assent.withdraw(),
    await assent.withdraw('analytics', 'surveys'),
  ];
  const newest: string | undefined = await assent.receipt();
  console.log(receipts, newest, assent.state().decided);

  // @ts-expect-error There is no third answer.
  assent.set({ analytics: 'perhaps' });
  // @ts-expect-error Nothing else happens.
  assent.on('opened', () => {});
  // @ts-expect-error What holds is asked, not set.
  assent.state({ analytics: true });
  // @ts-expect-error Purposes are named one by one.
  assent.withdraw(['analytics']);
  // @ts-expect-error A receipt may be missing.
  const text: string = await assent.receipt();
  console.log(text);
};

// @ts-expect-error It is missing where the embed cannot be loaded.
window.assent.open();
if (window.assent) uses(window.assent);
