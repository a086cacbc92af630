// What tools on a page are told, in the order in which they are told it. Each tool is run as the embed runs it: once, with
// the purposes and with something to hear through.

import assert from 'node:assert/strict';
import { test } from 'node:test';

let times = 0;

// Runs a tool in a page with these globals. Gives what tells it what is allowed.
const run = async (name, purposes, page = {}) => {
  const tells = [];
  for (const old of ['dataLayer', 'uetq', 'clarity', '_paq', 'google_tag_manager']) delete globalThis[old];
  Object.assign(globalThis, { window: globalThis, PURPOSES: purposes, HEAR: (tell) => tells.push(tell) }, page);
  await import(`../src/tools/${name}.js?${times++}`);
  return (allowed, decided = true) => tells.forEach((tell) => tell(allowed, decided));
};
const isArguments = (value) => Object.prototype.toString.call(value) == '[object Arguments]';
const DENIED = {
  ad_storage: 'denied',
  ad_user_data: 'denied',
  ad_personalization: 'denied',
  analytics_storage: 'denied',
  functionality_storage: 'denied',
  personalization_storage: 'denied',
  security_storage: 'denied',
};

test('Google hears no to all seven keys before any command, as real arguments', async () => {
  const early = (function () {
    return arguments;
  })('config', 'G-1');
  const purposes = [
    { id: 'analytics', google: ['analytics_storage'] },
    { id: 'ads', google: ['ad_storage', 'analytics_storage'] },
  ];
  const tell = await run('google', purposes, { dataLayer: [early] });
  const { dataLayer } = globalThis;
  assert.ok(dataLayer.every(isArguments));
  assert.deepEqual([...dataLayer[0]], ['consent', 'default', DENIED]);
  assert.deepEqual([...dataLayer[1]], ['set', 'ads_data_redaction', true]);
  assert.equal(dataLayer[2], early);
  tell({ analytics: false, ads: false }, false);
  assert.equal(dataLayer.length, 3, 'nothing was said, nothing changed');
  tell({ analytics: true, ads: false });
  assert.deepEqual([...dataLayer[3]], ['consent', 'update', { analytics_storage: 'denied', ad_storage: 'denied' }]);
  tell({ analytics: true, ads: false });
  assert.equal(dataLayer.length, 4, 'the same is said once');
  tell({ analytics: true, ads: true });
  assert.ok(isArguments(dataLayer[4]));
  assert.deepEqual([...dataLayer[4]], ['consent', 'update', { analytics_storage: 'granted', ad_storage: 'granted' }]);
});

test('a default of the page stands only when it is a whole no', async () => {
  const purposes = [{ id: 'analytics', google: ['analytics_storage'] }];
  const stub = (state) =>
    (function () {
      return arguments;
    })('consent', 'default', state);
  await run('google', purposes, { dataLayer: [stub({ ...DENIED, wait_for_update: 500 })] });
  assert.equal(globalThis.dataLayer.length, 1);
  for (const state of [{ ...DENIED, ad_storage: 'granted' }, { analytics_storage: 'denied' }, undefined]) {
    await run('google', purposes, { dataLayer: [stub(state)] });
    assert.equal(globalThis.dataLayer.length, 3, JSON.stringify(state));
  }
  // A running tag hears `push` alone.
  await run('google', purposes, { dataLayer: [{ event: 'gtm.js' }], google_tag_manager: {} });
  assert.deepEqual(globalThis.dataLayer.map((entry) => entry.event || entry[0]), ['gtm.js', 'consent', 'set']);
});

test('Tag Manager gets an event with what holds, when it changes', async () => {
  const tell = await run('gtm', [{ id: 'analytics', tools: ['gtm'] }, { id: 'ads', tools: ['gtm', 'uet'] }, { id: 'video' }]);
  tell({ analytics: true, ads: false, video: true });
  tell({ analytics: true, ads: false, video: false });
  tell({ analytics: false, ads: false, video: false });
  assert.deepEqual(globalThis.dataLayer, [
    { event: 'assent', assent: { analytics: 'granted', ads: 'denied' } },
    { event: 'assent', assent: { analytics: 'denied', ads: 'denied' } },
  ]);
});

test('UET hears its default before what waits, then updates', async () => {
  const tell = await run('uet', [{ id: 'ads', tools: ['uet'] }], { uetq: ['pageLoad'] });
  tell({ ads: true });
  tell({ ads: false });
  assert.deepEqual(globalThis.uetq, [
    'consent', 'default', { ad_storage: 'denied' }, 'pageLoad',
    'consent', 'update', { ad_storage: 'granted' },
    'consent', 'update', { ad_storage: 'denied' },
  ]);
  const heard = [];
  await run('uet', [{ id: 'ads', tools: ['uet'] }], { uetq: { push: (...what) => heard.push(what) } });
  assert.deepEqual(heard, [['consent', 'default', { ad_storage: 'denied' }]], 'a running tag takes push alone');
});

test('Clarity hears consentv2 with its own spelling', async () => {
  const tell = await run('clarity', [{ id: 'replay', tools: ['clarity'] }, { id: 'ads', tools: ['clarity-ads'] }]);
  tell({ replay: true, ads: false });
  assert.deepEqual(globalThis.clarity.q.map((call) => [...call]), [
    ['consentv2', { ad_Storage: 'denied', analytics_Storage: 'denied' }],
    ['consentv2', { ad_Storage: 'denied', analytics_Storage: 'granted' }],
  ]);
});

test('Matomo waits, hears a yes, and forgets it only after a yes', async () => {
  const tell = await run('matomo', [{ id: 'counting', tools: ['matomo'] }], { _paq: [['trackPageView']] });
  tell({ counting: false });
  assert.deepEqual(globalThis._paq, [['requireConsent'], ['trackPageView']]);
  // On the statistics route it holds as soon as the person was told.
  tell({ counting: true }, false);
  tell({ counting: false });
  assert.deepEqual(globalThis._paq.slice(2), [['setConsentGiven'], ['forgetConsentGiven']]);
});
