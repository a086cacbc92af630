// Holds back and lets go what the page marked with `data-purpose`: scripts, frames, films, pixels, links and templates. What is held is
// inert by the page's own markup; a failure here leaves it so. Each is let go once, scripts in the order of the page.

import { dir, fill, policy, sheets } from './page.js';

const known = new Map(DATA.purposes.map((purpose) => [purpose.id, purpose]));
// Scripts and pixels that were let go, and tags that were complained about.
const done = new WeakSet();
// By frame: what stands in its place. By template: what came out of it.
const places = new WeakMap();
const contents = new WeakMap();
const scripts = [];
const running = [];
let allowed = { __proto__: null };
let draining;
let agree;

// Who hears of a yes that is said in a frame's place.
export const onAgree = (listener) => (agree = listener);

const needed = (tag) => tag.dataset.purpose.split(/\s+/).filter(Boolean);

const mayRun = (tag) => {
  const needs = needed(tag);
  const unknown = needs.filter((id) => !known.has(id));
  if ((unknown.length || !needs.length) && !done.has(tag)) {
    done.add(tag);
    console.warn(`assent: no purpose "${unknown}", so this never runs:`, tag);
  }
  return needs.length && needs.every((id) => allowed[id]);
};

const runScript = (held) => {
  const script = document.createElement('script');
  for (const { name, value } of held.attributes) {
    if (name != 'type' && name != 'src') script.setAttribute(name, value);
  }
  const { type } = held.dataset;
  if (type) script.type = type;
  script.nonce = held.nonce;
  script.async = held.hasAttribute('async');
  if (held.src) script.src = policy.createScriptURL(held.src);
  else script.text = policy.createScript(held.text);
  // Not `async`: the browser runs these in order by itself; only what is inline must wait for those before it.
  if (held.src && !script.async) {
    running.push(new Promise((over) => {
      script.addEventListener('load', over);
      script.addEventListener('error', over);
    }));
  }
  held.replaceWith(script);
};

const drain = async () => {
  if (draining) return;
  draining = true;
  for (let held; (held = scripts.shift()); ) {
    if (!held.src) await Promise.all(running.splice(0));
    // Taken back, or taken away, while it waited.
    if (!held.isConnected || !mayRun(held)) {
      done.delete(held);
      continue;
    }
    try {
      runScript(held);
    } catch (error) {
      console.error(error);
    }
  }
  draining = false;
};

// What of a frame or film has an address: itself, and a film's sources.
const addressed = (frame) => [frame, ...frame.querySelectorAll('source')].filter((part) => part.dataset.src);

const holdFrame = (frame) => {
  if (addressed(frame).some((part) => part.hasAttribute('src'))) {
    // Was let go and is taken back: a fresh one has no document.
    const fresh = frame.cloneNode(true);
    for (const part of addressed(fresh)) part.removeAttribute('src');
    frame.replaceWith(fresh);
    frame = fresh;
  }
  if (places.has(frame)) return;
  const place = document.createElement('assent-frame');
  place.dir = dir;
  const shadow = place.attachShadow({ mode: 'open' });
  shadow.adoptedStyleSheets = sheets;
  const box = document.createElement('div');
  box.className = 'frame';
  box.lang = DATA.language;
  const add = (kind, text, properties) =>
    box.appendChild(Object.assign(document.createElement(kind), { textContent: text }, properties));
  const needs = needed(frame);
  const names = needs.map((id) => known.get(id)?.name || id).join(', ');
  add('p', fill(DATA.words.frame_blocked, names));
  for (const [name, href] of needs.flatMap((id) => known.get(id)?.parties || [])) add('a', name, { href });
  if (needs.every((id) => known.has(id))) {
    add('button', fill(DATA.words.agree, names), { type: 'button', className: 'act' }).addEventListener('click', (event) => {
      // A script of somebody's cannot press for the person.
      if (!event.isTrusted) return;
      agree(needs);
      frame.focus();
    });
  }
  add('button', DATA.words.your_choices, { type: 'button', className: 'link' }).dataset.assent = 'open';
  shadow.append(box);
  // The same room, so that the page does not move.
  place.style.cssText = `display:inline-block;width:${frame.offsetWidth}px;max-width:100%;min-height:${frame.offsetHeight}px`;
  frame.before(place);
  frame.style.display = 'none';
  places.set(frame, place);
};

const showFrame = (frame) => {
  const parts = addressed(frame);
  if (parts.every((part) => part.hasAttribute('src'))) return;
  const place = places.get(frame);
  if (place) {
    place.remove();
    places.delete(frame);
    frame.style.display = '';
  }
  for (const part of parts) part.src = part.dataset.src;
  frame.load?.();
};

const scanOne = (tag) => {
  const kind = tag.localName;
  if (kind == 'script') {
    if (tag.type == 'text/plain' && !done.has(tag) && mayRun(tag)) {
      done.add(tag);
      scripts.push(tag);
    }
  } else if (kind == 'template') {
    const may = mayRun(tag);
    const shown = contents.get(tag);
    if (may && !shown) {
      const copy = document.importNode(tag.content, true);
      contents.set(tag, [...copy.childNodes]);
      tag.after(copy);
    } else if (!may && shown) {
      for (const node of shown) node.remove();
      contents.delete(tag);
    }
  } else if (kind == 'iframe' || kind == 'video') {
    if (addressed(tag).length) (mayRun(tag) ? showFrame : holdFrame)(tag);
  } else if (kind == 'link' && tag.dataset.href) {
    if (mayRun(tag)) tag.href = tag.dataset.href;
    else tag.removeAttribute('href');
  } else if (tag.dataset.src && kind == 'img') {
    if (!done.has(tag) && mayRun(tag)) {
      done.add(tag);
      if (tag.dataset.srcset) tag.srcset = tag.dataset.srcset;
      tag.src = tag.dataset.src;
    }
  }
};

export const scan = () => {
  document.querySelectorAll('[data-purpose]').forEach(scanOne);
  drain();
};

// From now on these purposes may run, and no other.
export const setAllowed = (now) => {
  allowed = now;
  scan();
};
