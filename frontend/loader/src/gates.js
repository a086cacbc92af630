// Holds back and lets go what the page marked with `data-purpose`: scripts, frames, pixels and templates. What is held is
// inert by the page's own markup; a failure here leaves it so. Each is let go once, scripts in the order of the page.

import { fill, policy, sheets } from './page.js';

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

const mayRun = (tag) => {
  const needs = tag.dataset.purpose.split(/\s+/).filter(Boolean);
  const unknown = needs.filter((id) => !known.has(id));
  if ((unknown.length || !needs.length) && !done.has(tag)) {
    done.add(tag);
    console.warn(`assent: the notice has no purpose "${unknown}", so this never runs:`, tag);
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

const holdFrame = (frame) => {
  if (frame.hasAttribute('src')) {
    // Was let go and is taken back: a fresh one has no document.
    const fresh = frame.cloneNode();
    fresh.removeAttribute('src');
    frame.replaceWith(fresh);
    frame = fresh;
  }
  if (places.has(frame)) return;
  const place = document.createElement('assent-frame');
  const shadow = place.attachShadow({ mode: 'open' });
  shadow.adoptedStyleSheets = sheets;
  const box = document.createElement('div');
  box.className = 'frame';
  box.lang = DATA.language;
  const said = document.createElement('p');
  const names = frame.dataset.purpose.split(/\s+/).map((id) => known.get(id)?.name || id);
  said.textContent = fill(DATA.words.frame_blocked, names.join(', '));
  const open = document.createElement('button');
  open.type = 'button';
  open.className = 'act';
  open.dataset.assent = 'open';
  open.textContent = DATA.words.your_choices;
  box.append(said, open);
  shadow.append(box);
  // The same room, so that the page does not move.
  place.style.cssText = `display:inline-block;width:${frame.offsetWidth}px;max-width:100%;min-height:${frame.offsetHeight}px`;
  frame.before(place);
  frame.style.display = 'none';
  places.set(frame, place);
};

const showFrame = (frame) => {
  if (frame.hasAttribute('src')) return;
  const place = places.get(frame);
  if (place) {
    place.remove();
    places.delete(frame);
    frame.style.display = '';
  }
  frame.src = frame.dataset.src;
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
  } else if (tag.dataset.src && kind == 'iframe') {
    (mayRun(tag) ? showFrame : holdFrame)(tag);
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
