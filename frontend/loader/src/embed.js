// The script behind the one tag. Remembers the choice, applies it (signals, storage, gates), asks when a question is due,
// sends what was said, and loads the widget only when something more than the first layer is needed.
//
// It runs inside a function of five arguments, DATA, HTML, CSS, ASSETS and TOOLS (README.md says what they are). It
// decides nothing for the person: whatever fails, fails to "no".

import { allows, isChoice, isFresh, newest, older, print, unsaid } from './cookie.js';
import { onAgree, scan, setAllowed } from './gates.js';
import { dir, policy, sheets } from './page.js';
import { enqueue, flush } from './queue.js';
import { clear } from './storage.js';

const { api, language, layout, memory, purposes, words } = DATA;
const asked = purposes.filter(isChoice);
const choicesPage = `${api}/choices?lang=${language}`;
const seconds = () => Math.floor(Date.now() / 1000);
// What can wait until the page is drawn, and on a page that is never idle no longer than this: opening a browser's storage for the
// first time takes longer than everything else here.
const later = (step) => (window.requestIdleCallback || setTimeout)(step, { timeout: 2000 });

// What was said, if anything; also the memory where cookies are refused.
let choice;
// Whether the banner was put before the person, or their choice shows that it was.
let told;

// What is drawn. `root` holds the first layer or the widget, `note` the loader's own confirmation.
let host, root, note, back, pad, room, opener;
// The widget's module once it has taken over; whether it cannot; what it is to do first.
// Where a yes needs an age, which the choices page asks, the widget is not loaded.
let widget, broken = DATA.age, loading = broken, wanted, kept;

// What tells the tools on the page, one function each; a tool that is broken stays without a yes.
const listeners = [];
const attempt = (tell, ...what) => {
  try {
    tell(...what);
  } catch (error) {
    console.error(error);
  }
};

// The browser says no to whatever shares data, until the person says something about it here.
const gpc = !!navigator.globalPrivacyControl;
const dnt = !!DATA.dnt && navigator.doNotTrack == '1';
const denied = (purpose) => purpose.sharing && (gpc || dnt);

const isSaid = (purpose) => isFresh(purpose, choice, memory, seconds());
const isDue = () => asked.some((purpose) => !isSaid(purpose) && !denied(purpose));

// Whether each purpose may be acted on.
const allowed = () => {
  const may = { __proto__: null };
  for (const purpose of purposes) may[purpose.id] = !!allows(purpose, choice, memory, seconds(), told);
  return may;
};

const state = () => ({
  decided: !isDue(),
  allowed: { ...allowed() },
  choices: JSON.parse(bridge.choices()),
  notice: DATA.notice,
  language,
  signals: { gpc, dnt },
});

const tell = (what, detail) => document.dispatchEvent(new CustomEvent(`assent:${what}`, { detail }));

const readChoice = () => {
  try {
    const found = newest(document.cookie);
    if (found && !(choice && choice.decided > found.decided)) choice = found;
  } catch {
    // Cookies are forbidden here.
  }
};

// Another tab may have decided, or this page comes back from the cache, or is seen for the first time.
const again = () => {
  const before = choice;
  readChoice();
  if (choice?.decided != before?.decided) {
    told ||= !isDue();
    apply();
    settle();
  }
  paint();
};

// The question goes when nothing is left of it.
const settle = () => {
  if (!host || isDue()) return;
  release();
  widget ? widget.press('hide') : (root.hidden = true);
};

// The page can be used again.
const release = () => root?.open && root.close();

const writeChoice = () => {
  const age = Math.max(memory.refusal_days, memory.grant_days) * 86400;
  const domain = DATA.cookie_domain ? `;domain=${DATA.cookie_domain}` : '';
  const secure = location.protocol == 'https:' ? ';secure' : '';
  try {
    document.cookie = `assent=${print(choice)};path=/;max-age=${age};samesite=lax${domain}${secure}`;
  } catch {
    // Remembered as long as the page lives.
  }
};

const newToken = () =>
  btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
    .slice(0, 22)
    .replace(/\+/g, '-')
    .replace(/\//g, '_');

const apply = () => {
  const may = allowed();
  if (choice || told) for (const tell of listeners) attempt(tell, may, !!choice);
  if (told) clear(may);
  setAllowed(may);
  if (window.assent) tell('change', state());
};

// Takes a choice: it holds from here on; the record travels behind it.
const decide = (act, surface, choices) => {
  // Without an age there is no yes.
  if (DATA.age && Object.values(choices).includes('yes')) {
    show('choose');
    return new Promise(() => {});
  }
  // In a window beside this one the same person may have decided a moment ago.
  readChoice();
  let at = seconds();
  // Within one second too, the later press is the newer choice.
  if (choice && at <= choice.decided && choice.decided < at + 60) at = choice.decided + 1;
  const before = choice;
  choice = {
    token: before ? before.token : newToken(),
    notice: DATA.notice.slice(0, 16),
    decided: at,
    choices: { __proto__: null },
    older: { __proto__: null },
  };
  for (const { id } of asked) {
    if (before?.choices[id]) {
      choice.choices[id] = before.choices[id];
      choice.older[id] = older(before, id, at);
    }
  }
  // Not `for in`: old libraries add to what every object has.
  for (const id of Object.keys(choices)) {
    choice.choices[id] = choices[id][0];
    choice.older[id] = 0;
  }
  told = 1;
  writeChoice();
  const body = { notice: DATA.notice, language, act, surface, choices, acted: new Date().toISOString() };
  if (gpc || dnt) body.signals = { gpc, dnt };
  const receipt = enqueue({ key: crypto.randomUUID(), subject: choice.token, body: JSON.stringify(body), at });
  receipt.then((text) => tell('recorded', text));
  // After it is in the queue: what runs now may decide, too.
  apply();
  if (!isDue()) release();
  // Not in the press itself: what it does is seen first.
  setTimeout(send);
  return receipt;
};

// The same of each of some purposes.
const each = (ids, said) => Object.fromEntries(ids.map((id) => [id, said]));
const all = (said) => each(asked.map(({ id }) => id), said);

// What the site's own controls say. A yes needs a person's press behind it: where none is known, nothing is said.
const say = async (act, choices, surface = 'page') => {
  const said = {};
  for (const id of Object.keys(choices)) {
    if (!asked.some((purpose) => purpose.id == id)) throw new TypeError(`assent: "${id}" is not asked`);
    said[id] = choices[id] === true || choices[id] == 'yes' ? 'yes' : 'no';
  }
  if (Object.values(said).includes('yes') && !navigator.userActivation?.isActive) {
    throw new Error('assent: a yes needs a press');
  }
  return elsewhere(act, surface, said);
};

// Decides something that was not pressed in the banner; what the banner says of an earlier press is over.
const elsewhere = (...what) => {
  const receipt = decide(...what);
  kept = 0;
  if (note) note.textContent = '';
  settle();
  return receipt;
};

// In the place of held-back content: yes to what it needs, and to nothing else.
onAgree((ids) => {
  elsewhere('save', 'content', each(asked.map(({ id }) => id).filter((id) => ids.includes(id)), 'yes'));
});

// The service will never take this decision, so it does not hold: forgotten, and asked again. Until the answer comes,
// nothing runs that the decision forbade.
const refused = (item) => {
  if (!choice || choice.decided > item.at) return;
  choice.choices = unsaid(asked, choice);
  writeChoice();
  apply();
  show('ask');
};

// The answer to an earlier press sets that press's choice again, also when a later one was made meanwhile. The newest
// stays: until its own answer comes, and if that never comes.
const taken = () => {
  const mine = choice;
  again();
  if (choice && choice == mine) writeChoice();
};

// Sends what waits; tells the widget when the service is away.
const send = () => flush(refused, () => widget?.press('waiting'), taken);

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

// The page keeps room for what is fixed in front of it, so that the focused element and the last line can be seen.
const makeRoom = () => {
  const shown = root.offsetHeight + note.offsetHeight;
  back.hidden = shown;
  if (host.dataset.layout) {
    // In the page, and nothing in front of it: until it is over, and the rest is as everywhere.
    if (shown) return;
    delete host.dataset.layout;
    document.body.append(host);
  }
  let height = root.open ? 0 : shown;
  // The way back needs room, too, where a page has an end to scroll to: its size and twice its distance from the edge. A page
  // that fits into the window must not begin to scroll for it.
  if (!shown && document.documentElement.scrollHeight - host.offsetHeight > innerHeight) height = 72;
  let css = `html{scroll-padding-bottom:${height}px}`;
  // In other layouts one more element would move the page.
  if (document.readyState != 'loading' && /^(block|flow-root)$/.test(getComputedStyle(document.body).display)) {
    css += `#assent-choices{height:${height}px}`;
  }
  css = height ? css : '';
  // Each time the page would be styled anew.
  if (css != room) pad.replaceSync((room = css));
};

const paint = () => {
  // Nobody is told anything by a page that a browser prepares unseen, or opened behind another.
  if (host || document.hidden || !document.body) return;
  let place = document.body;
  if (layout == 'inline' && isDue()) {
    const slot = document.querySelector('[data-assent=here]');
    if (!slot && document.readyState == 'loading') return;
    // What people already look at does not move: then it is the bar.
    if (slot && !performance.getEntriesByName('first-contentful-paint').length) place = slot;
  }
  host = element('assent-choices', { id: 'assent-choices', dir, role: 'region', ariaLabel: words.your_choices });
  const shadow = host.attachShadow({ mode: 'open' });
  shadow.adoptedStyleSheets = sheets;
  root = element(layout == 'dialog' ? layout : 'div', { id: 'root' });
  if (layout == 'dialog') {
    root.setAttribute('aria-labelledby', 'title');
    // It takes the focus itself, and no button gets it by chance.
    root.tabIndex = -1;
    // Escape decides nothing, and a dialog that a browser closes all the same comes back.
    root.addEventListener('cancel', (event) => event.preventDefault());
    root.addEventListener('close', toFront);
  }
  note = element('div', { id: 'note' });
  back = element('a', { id: 'back', href: choicesPage, lang: language }, element('span', {}, words.your_choices));
  back.dataset.assent = 'open';
  shadow.append(root, note, back);
  shadow.addEventListener('click', pressed, true);
  pad = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, pad];
  const watch = new ResizeObserver(makeRoom);
  watch.observe(root);
  watch.observe(note);
  if (asked.some(denied)) host.dataset.heard = '';
  if (place != document.body) host.dataset.layout = layout;
  place.append(host);
  if (isDue()) {
    fillRoot();
    toFront();
    later(() => {
      told = 1;
      apply();
      load();
    });
  }
};

const fillRoot = () => {
  if (!root.firstChild) root.innerHTML = policy.createHTML(HTML);
};

// A dialog stands before the page as long as something is due.
const toFront = () => {
  if (layout != 'dialog' || !isDue() || root.open) return;
  root.showModal();
  root.focus();
};

// Shows the question (`ask`) or the single choices (`choose`).
const show = (what) => {
  if (!host) return;
  note.textContent = '';
  // The latest press counts: what was kept to be confirmed is said already.
  if (kept?.act != what) kept = 0;
  if (widget) {
    root.hidden = false;
    widget.press(what);
  } else if (what == 'ask') {
    fillRoot();
    root.hidden = false;
    load();
  } else if (broken) {
    location.assign(choicesPage);
  } else {
    wanted = what;
    load();
  }
  toFront();
};

// The first layer's yes and no, and its other buttons as long as the widget is not there, which hears the later layers'. Acts
// that can say yes begin with `a` and `s`: `accept-all`, `save`.
const pressed = (event) => {
  const act = event.target.closest('[data-act]')?.dataset.act;
  // Programs may press for a no, and only people for a yes. What was pressed and is out of sight is not pressed again.
  if (root.style.opacity || (!event.isTrusted && /^[as]/.test(act))) return event.stopPropagation();
  if (!act || (widget && (act == 'choose' || !root.querySelector('[data-act=choose]')))) return;
  if (act == 'choose' || (DATA.age && act == 'accept-all')) {
    show('choose');
  } else if (act == 'close') {
    note.textContent = '';
    kept = 0;
  } else {
    event.stopPropagation();
    wanted = 0;
    const press = (kept = { act });
    press.receipt = decide(act, 'first-layer', all(act == 'accept-all' ? 'yes' : 'no'));
    // Out of sight at once, without a new layout and with the focus where it is; what follows comes when that was drawn.
    root.style.opacity = 0;
    requestAnimationFrame(() => setTimeout(confirm));
  }
};

// Says what was pressed: the widget, or what stands in for it.
const confirm = () => {
  root.style.opacity = '';
  // Something else is on screen, or is said, by now.
  if (!kept) return settle();
  const { act } = kept;
  if (widget) {
    show(act);
    // That the service is away was said to nobody.
    send();
  } else {
    root.hidden = true;
    const title = element('h2', { tabIndex: -1 }, act == 'accept-all' ? words.accepted : words.declined);
    const hide = element('button', { type: 'button', className: 'act' }, words.hide);
    hide.dataset.act = 'close';
    const alert = element('div', { role: 'alert' }, title);
    const said = element('div', { className: 'say' }, alert, element('p', {}, words.change_any_time));
    note.replaceChildren(element('section', { className: 'bar', lang: language }, said, element('div', { className: 'acts' }, hide)));
    title.focus();
  }
};

// What the service has for the holder of the token.
const ask = async (path) => {
  const answer = await fetch(`${api}/${path}`, { headers: { 'assent-subject': choice.token }, credentials: 'include' });
  if (!answer.ok) throw answer.status;
  return answer.text();
};

// What the widget may ask of the page (ARCHITECTURE.md).
const bridge = {
  decide: (act, surface, choices) => {
    // The first layer's press, which is taken already.
    const press = kept;
    kept = 0;
    return press ? press.receipt : decide(act, surface, JSON.parse(choices));
  },
  choices: () => {
    const said = {};
    for (const purpose of asked) {
      if (isSaid(purpose)) said[purpose.id] = choice.choices[purpose.id] == 'y' ? 'yes' : 'no';
      else if (denied(purpose)) said[purpose.id] = 'no';
    }
    return JSON.stringify(said);
  },
  close() {
    // Back to where the person came from.
    opener?.focus();
    opener = 0;
    makeRoom();
  },
  html(into, markup) {
    into.innerHTML = policy.createHTML(markup);
  },
  subject: () => choice?.token || '',
  async last_receipt() {
    const { receipts } = JSON.parse(await ask('state'));
    return ask(`receipts/${receipts[receipts.length - 1]}`);
  },
};

const load = () =>
  (loading ||= (async () => {
    try {
      const bytes = fetch(ASSETS.wasm, { integrity: ASSETS.integrity });
      const layers = fetch(ASSETS.layers, { integrity: ASSETS.layers_integrity }).then((answer) => answer.text());
      bytes.catch(() => {});
      layers.catch(() => {});
      const module = await import(ASSETS.glue);
      await module.default({ module_or_path: bytes });
      if (!root.firstChild) {
        root.hidden = true;
        fillRoot();
      }
      const texts = await layers;
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(JSON.parse(texts).css);
      host.shadowRoot.adoptedStyleSheets = [...sheets, sheet];
      module.start(root, texts, bridge);
      widget = module;
      if (kept) confirm();
      else if (wanted) show(wanted);
      else if (!isDue()) widget.press('hide');
    } catch (error) {
      // Forbidden, blocked or broken: the buttons work without it, and single choices have their own page.
      broken = 1;
      widget = 0;
      console.warn('assent: no widget', error);
      if (wanted) show(wanted);
    }
  })());

const open = () => {
  opener = host?.shadowRoot.activeElement || document.activeElement;
  show('choose');
};

if (window.assent) {
  // The tag is there twice.
} else if (!crypto.randomUUID) {
  // Where it is not, a page is not secure (plain http can be read and changed on its way, except to this very machine), or the
  // browser is so old that nothing could be recorded.
  console.error('assent: not https');
} else {
  for (const tool of TOOLS) attempt(tool, purposes, (tell) => listeners.push(tell));
  readChoice();
  told = !isDue();
  // Documented in assent.d.ts.
  window.assent = {
    open,
    state,
    acceptAll: () => say('accept-all', all('yes')),
    rejectAll: () => say('reject-all', all('no')),
    set: (choices) => say('save', choices),
    withdraw: (...ids) => say('save', ids.length ? each(ids, 'no') : all('no')),
    receipt: async () => choice && bridge.last_receipt(),
    on(what, listener) {
      const hear = (event) => listener(event.detail);
      document.addEventListener(`assent:${what}`, hear);
      return () => document.removeEventListener(`assent:${what}`, hear);
    },
  };
  apply();
  paint();
  tell('ready', state());
  new MutationObserver(() => {
    paint();
    scan();
  }).observe(document, { childList: true, subtree: true });
  document.addEventListener('DOMContentLoaded', () => {
    paint();
    // At the end of the page, where there is room, unless somebody is in it; a dialog that is moved must be opened anew.
    if (host?.nextElementSibling && !host.dataset.layout && [null, root].includes(host.shadowRoot.activeElement)) {
      release();
      document.body.append(host);
      toFront();
    }
    // What is drawn is measured anyway; only a page under a question needs its end before it is complete.
    if (host && isDue()) later(makeRoom);
  });
  addEventListener('load', () => host && later(makeRoom));
  document.addEventListener('click', (event) => {
    const link = event.composedPath()[0].closest?.('[data-assent=open]');
    if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      open();
    }
  }, true);
  document.addEventListener('visibilitychange', again);
  // A page that the browser kept and shows again was told of nothing meanwhile.
  addEventListener('pageshow', ({ persisted }) => persisted && again());
  addEventListener('online', send);
  // The last moment of a page that is left.
  addEventListener('pagehide', send);
  later(() => {
    // In a window that stays in sight only storage tells: the other one put its decision into the queue.
    addEventListener('storage', again);
    again();
    send();
  });
}
