// The queue: nothing is lost, nothing is sent twice with two keys, and a refusal for good is told.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

globalThis.DATA = { site: 'clinic', api: 'https://a.example/v1/clinic' };
const NAME = 'assent.queue.clinic';

// A `localStorage` that can be forbidden, and a service that can be away.
const store = new Map();
let forbidden = false;
globalThis.localStorage = {
  getItem: (name) => (forbidden ? assert.fail('forbidden') : (store.get(name) ?? null)),
  setItem: (name, value) => (forbidden ? assert.fail('forbidden') : store.set(name, value)),
  removeItem: (name) => (forbidden ? assert.fail('forbidden') : store.delete(name)),
};
let answers;
let requests;
globalThis.fetch = async (address, options) => {
  requests.push({ address, ...options });
  const answer = answers.shift() ?? 'away';
  if (answer == 'away') throw new TypeError('network');
  const headers = answer.wait ? { 'retry-after': answer.wait } : {};
  return new Response(answer.body ?? '', { status: answer.status, headers });
};
const timers = [];
globalThis.setTimeout = (job, pause, ...rest) => timers.push({ job: () => job(...rest), pause });
globalThis.clearTimeout = () => {};

const RECEIPT = JSON.stringify({ record: JSON.stringify({ id: 'r-1' }) });
const item = (key) => ({ key, subject: 't', body: '{}', at: 1 });
const queue = await import('../src/queue.js');
const { enqueue } = queue;
let acknowledged;
const flush = (refused, away) => queue.flush(refused, away, () => acknowledged++);
const never = () => assert.fail('not expected');

beforeEach(async () => {
  forbidden = false;
  store.clear();
  // What the test before left unacknowledged.
  answers = Array(9).fill({ status: 201, body: RECEIPT });
  await flush(never, never);
  answers = [];
  requests = [];
  acknowledged = 0;
});

test('acknowledged: the receipt comes back and the queue is empty', async () => {
  answers = [{ status: 201, body: RECEIPT }];
  const receipt = enqueue(item('k1'));
  assert.equal(JSON.parse(store.get(NAME)).length, 1);
  await flush(never, never);
  assert.equal(await receipt, RECEIPT);
  assert.equal(store.has(NAME), false);
  const [request] = requests;
  assert.equal(request.address, 'https://a.example/v1/clinic/decisions');
  assert.equal(request.headers['idempotency-key'], 'k1');
  assert.equal(request.headers['assent-subject'], 't');
  assert.equal(request.credentials, 'include');
  assert.equal(request.keepalive, true);
  assert.equal(acknowledged, 1);
});

test('away: kept, told, and sent again with the same key', async () => {
  for (const status of ['away', 500, 408, 429, 302]) {
    store.clear();
    answers = [status == 'away' ? status : { status }];
    let told = 0;
    const receipt = enqueue(item('k2'));
    await flush(never, () => told++);
    assert.equal(told, 1);
    assert.equal(JSON.parse(store.get(NAME))[0].key, 'k2');
    answers = [{ status: 201, body: RECEIPT }];
    await timers.pop().job();
    assert.equal(await receipt, RECEIPT);
    assert.equal(requests.at(-1).headers['idempotency-key'], 'k2');
  }
});

test('pauses grow between attempts and are reset by success', async () => {
  enqueue(item('k3'));
  await flush(never, () => {});
  const first = timers.pop().pause;
  await flush(never, () => {});
  assert.equal(timers.pop().pause, first * 2);
  answers = [{ status: 201, body: RECEIPT }];
  await flush(never, never);
  enqueue(item('k4'));
  await flush(never, () => {});
  assert.equal(timers.pop().pause, 1000);
});

test('refused for good: forgotten, told, and the next one still goes', async () => {
  answers = [{ status: 409 }, { status: 201, body: RECEIPT }];
  const gone = [];
  enqueue(item('old'));
  const receipt = enqueue(item('new'));
  await flush((refused) => gone.push(refused.key), never);
  assert.deepEqual(gone, ['old']);
  assert.equal(await receipt, RECEIPT);
  assert.equal(acknowledged, 1);
});

test('told to wait for a day: refused for good, so that a no behind it goes', async () => {
  answers = [{ status: 429, wait: '86400' }, { status: 201, body: RECEIPT }];
  const gone = [];
  enqueue(item('yes'));
  const receipt = enqueue(item('no'));
  await flush((refused) => gone.push(refused.key), never);
  assert.deepEqual(gone, ['yes']);
  assert.equal(await receipt, RECEIPT);
});

test('storage forbidden: in memory', async () => {
  forbidden = true;
  answers = [{ status: 201, body: RECEIPT }];
  const receipt = enqueue(item('k5'));
  await flush(never, never);
  assert.equal(await receipt, RECEIPT);
});

// Two windows side by side: the other one sent this page's decision, or overwrote the queue without it. The page said
// "being recorded" for ever, and in the second case nothing was ever recorded.
test('what another tab took out of the queue is sent until this page heard the answer', async () => {
  const receipt = enqueue(item('k6'));
  store.clear();
  answers = [{ status: 201, body: RECEIPT }];
  await flush(never, never);
  assert.equal(await receipt, RECEIPT);
  assert.equal(requests[0].headers['idempotency-key'], 'k6');
  await flush(never, never);
  assert.equal(requests.length, 1);
});

test('rubbish in storage is an empty queue', async () => {
  for (const rubbish of ['{', '7', 'null', '{"a":1}']) {
    store.set(NAME, rubbish);
    await flush(never, never);
  }
  assert.equal(requests.length, 0);
});
