// The choice cookie's form and what follows from it: the same rules as crates/assent-core/src/choice_cookie.rs, whose
// comment says what each part is. Pure: nothing here reads a clock, a cookie or the page.

const DAY = 86400;
const ITEM = '[a-z][a-z0-9-]{0,47}:[yn](?:-[1-9]\\d{0,2})?';
// The token's last character stands for two bits only, so that one token has one spelling.
const FORM = new RegExp(`^v1\\.([\\w-]{21}[AQgw])\\.([0-9a-f]{16})\\.(\\d{1,12})\\.((?:${ITEM}(?:~${ITEM})*)?)$`);

// The choice a cookie value says, or undefined for anything that is not exactly the form.
export const parse = (value) => {
  const found = FORM.exec(value);
  if (!found) return;
  // No prototype: a purpose may be called `constructor`.
  const choices = { __proto__: null };
  const older = { __proto__: null };
  for (const item of found[4].split('~')) {
    const [purpose, said] = item.split(':');
    if (said) {
      choices[purpose] = said[0];
      if (said[1]) older[purpose] = +said.slice(2);
    }
  }
  return { token: found[1], notice: found[2], decided: +found[3], choices, older };
};

// The cookie value for a choice: purposes sorted, as core writes them.
export const print = ({ token, notice, decided, choices, older }) =>
  `v1.${token}.${notice}.${decided}.` +
  Object.keys(choices)
    .sort()
    .map((purpose) => `${purpose}:${choices[purpose]}${older[purpose] ? '-' + older[purpose] : ''}`)
    .join('~');

// The newest well-formed choice among all cookies of that name. There can be two: for the host and for its domain.
export const newest = (cookies) => {
  let best;
  for (const part of cookies.split('; ')) {
    const choice = part.startsWith('assent=') && parse(part.slice(7));
    if (choice && !(best && best.decided > choice.decided)) best = choice;
  }
  return best;
};

// Whether there is something for the person to choose.
export const isChoice = (purpose) => purpose.route != 'necessary' && purpose.route != 'service';

// What becomes of `before` when something new is said at `at`: what is not said anew stays, and as old as it was.
export const older = (before, id, at) => {
  const days = Math.ceil((at - before.decided) / DAY + (before.older[id] || 0));
  return days > 0 ? Math.min(days, 999) : 0;
};

// Whether what was said about `purpose` still holds at `now` (Unix seconds): said, within the notice's memory, not in a
// future that a wrong clock made up, and no yes to what has changed since.
export const isFresh = (purpose, choice, memory, now) => {
  const said = choice && choice.choices[purpose.id];
  if (!said) return false;
  const at = choice.decided - (choice.older[purpose.id] || 0) * DAY;
  const days = said == 'y' ? memory.grant_days : memory.refusal_days;
  const { changed } = purpose;
  return now - choice.decided > -DAY && now - at < days * DAY && !(said == 'y' && changed <= now && at < changed);
};

// Whether `purpose` may be acted on. `told`: the person has been shown the banner, or showed by deciding that they were.
// An objection never wears off by itself; a yes does.
export const allows = (purpose, choice, memory, now, told) => {
  if (!isChoice(purpose)) return true;
  const said = choice && choice.choices[purpose.id];
  if (purpose.route == 'statistics') return said != 'n' && told;
  return said == 'y' && isFresh(purpose, choice, memory, now);
};

// What is left of a choice that was not taken. An objection is obeyed all the same: without it the purpose would run.
export const unsaid = (asked, choice) => {
  const left = { __proto__: null };
  for (const { id, route } of asked) {
    if (route == 'statistics' && choice.choices[id] == 'n') left[id] = 'n';
  }
  return left;
};
