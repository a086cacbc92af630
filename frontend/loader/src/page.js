// What every part needs from the page: the Trusted Types policy, the stylesheet of our shadow roots, and small helpers.

const same = (text) => text;
const rules = { createHTML: same, createScript: same, createScriptURL: same };

// What goes through it is the embed's own markup, the widget's (which escapes every value), and scripts the page itself
// wrote down as held back.
export let policy = rules;
try {
  policy = trustedTypes.createPolicy('assent', rules);
} catch {
  // The browser has no Trusted Types, or the page's rules do not name `assent`.
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);
export const sheets = [sheet];

// The direction that the notice's language is written in, whatever the page's is.
export const dir = DATA.rtl ? 'rtl' : 'ltr';

// Puts `value` where a sentence of the notice says `{}`.
export const fill = (sentence, value) => sentence.replace('{}', () => value);
