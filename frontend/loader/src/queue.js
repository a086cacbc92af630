// Decisions on their way to the service: kept in localStorage until they are acknowledged or refused for good, so that a
// closed tab or a stopped server loses none. Each carries its own idempotency key, so sending twice records once.
// Where storage is forbidden they live as long as the page.

const NAME = `assent.queue.${DATA.site}`;
const LONGEST_PAUSE = 300000;

let inMemory = [];
let sending;
let timer;
let pause = 1000;
// By key: who waits for an acknowledgement in this page, and what it said. Another tab may send it first, or lose it when
// both write to storage at once: this page sends it until it heard the answer itself.
const waiters = new Map();

const read = () => {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) || '[]');
    return Array.isArray(kept) ? kept : [];
  } catch {
    return inMemory;
  }
};

const keep = (items) => {
  inMemory = items;
  try {
    if (items.length) localStorage.setItem(NAME, JSON.stringify(items));
    else localStorage.removeItem(NAME);
  } catch {
    // In memory only.
  }
};

// Reads again before writing: another tab may have added to it.
const drop = (key) => {
  waiters.delete(key);
  keep(read().filter((item) => item.key != key));
};

const next = () => read()[0] || waiters.values().next().value?.item;

const send = async (item) => {
  const answer = await fetch(`${DATA.api}/decisions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': item.key, 'assent-subject': item.subject },
    body: item.body,
    credentials: 'include',
    keepalive: true,
  });
  const { status } = answer;
  if (status == 201) {
    const text = await answer.text();
    const waiter = waiters.get(item.key);
    drop(item.key);
    waiter?.done(text);
  } else if (
    status > 399 && status < 500 && status != 408 &&
    // Whoever is told to wait for longer than a page is open is asked again: nothing may stand in the way of a no behind it.
    (status != 429 || answer.headers.get('retry-after') > 3600)
  ) {
    drop(item.key);
    return item;
  } else {
    throw status;
  }
};

// Sends everything that waits, oldest first. `refused` hears of a decision that the service will never take, `away` that
// it could not be reached; it is tried again later and later. `taken` hears of each that was acknowledged.
export const flush = async (refused, away, taken) => {
  if (sending) return;
  sending = true;
  let again;
  try {
    for (let item; (item = next()); ) {
      const gone = await send(item);
      pause = 1000;
      if (gone) refused(gone);
      else taken();
    }
  } catch {
    again = true;
  }
  sending = false;
  if (again) {
    away();
    clearTimeout(timer);
    timer = setTimeout(flush, pause, refused, away, taken);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
};

// Adds a decision. The promise gives the receipt's text; it stays pending while the service is away.
export const enqueue = (item) =>
  new Promise((done) => {
    waiters.set(item.key, { item, done });
    keep([...read(), item]);
  });
