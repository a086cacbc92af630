// The cookie's form, and what follows from it. The values are the ones crates/assent-core/src/choice_cookie.rs is tested
// with, so that both sides read and refuse the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allows, isChoice, isFresh, newest, older, parse, print, unsaid } from '../src/cookie.js';

const TOKEN = 'BwcHBwcHBwcHBwcHBwcHBw';
const VALUE = `v1.${TOKEN}.0123456789abcdef.1790000000.analytics:y~surveys:n`;

test('reads what it writes', () => {
  const choice = parse(VALUE);
  assert.equal(choice.token, TOKEN);
  assert.equal(choice.decided, 1790000000);
  assert.deepEqual({ ...choice.choices }, { analytics: 'y', surveys: 'n' });
  assert.equal(print(choice), VALUE);
  const none = `v1.${TOKEN}.0123456789abcdef.1790000000.`;
  assert.equal(print(parse(none)), none);
});

test('purposes are written in order, as core does', () => {
  const choice = parse(`v1.${TOKEN}.0123456789abcdef.1.b:y~a:n`);
  assert.equal(print(choice), `v1.${TOKEN}.0123456789abcdef.1.a:n~b:y`);
});

test('anything that is not exactly the form is no cookie', () => {
  for (const bad of [
    '',
    'v2' + VALUE.slice(2),
    VALUE + '.',
    VALUE + '~',
    VALUE + '\n',
    VALUE.replace(':y', ':Y'),
    VALUE.replace(':y', ''),
    VALUE.replace('analytics', 'Analytics'),
    VALUE.replace('analytics', '2a'),
    VALUE.replace('analytics', 'a'.repeat(49)),
    VALUE.replace('1790000000', ''),
    VALUE.replace('1790000000', '1790000000000'),
    VALUE.replace('1790000000', '-1'),
    VALUE.replace('0123456789abcdef', '0123456789ABCDEF'),
    VALUE.replace('0123456789abcdef', '0123456789abcde'),
    VALUE.replace(TOKEN, TOKEN.slice(1)),
    // Four bits that no 16 bytes have.
    VALUE.replace(TOKEN, TOKEN.slice(0, 21) + 'x'),
  ]) {
    assert.equal(parse(bad), undefined, bad);
  }
});

test('a purpose may be called like something every object has', () => {
  const choice = parse(`v1.${TOKEN}.0123456789abcdef.1.a:n`);
  assert.equal(choice.choices.constructor, undefined);
  const purpose = { id: 'constructor', route: 'consent' };
  assert.equal(allows(purpose, choice, { grant_days: 1, refusal_days: 1 }, 1, true), false);
});

test('of two cookies the newer well-formed one counts', () => {
  const old = VALUE.replace('1790000000', '1780000000');
  assert.equal(newest(`x=1; assent=${old}; assent=${VALUE}; assent=rubbish`).decided, 1790000000);
  assert.equal(newest(`assent=${VALUE}; assent=${old}`).decided, 1790000000);
  assert.equal(newest('x=assent=1'), undefined);
  assert.equal(newest(''), undefined);
});

const DAY = 86400;
const memory = { refusal_days: 182, grant_days: 365 };
const said = (item) => parse(`v1.${TOKEN}.0123456789abcdef.1790000000.${item}`);
const later = (days) => 1790000000 + days * DAY;
const consent = { id: 'a', route: 'consent' };
const statistics = { id: 'a', route: 'statistics' };

test('asked again when nothing was said, or too long ago', () => {
  for (const [item, days, fresh] of [
    ['a:y', 0, true],
    ['a:y', 364, true],
    ['a:y', 365, false],
    ['a:n', 181, true],
    ['a:n', 182, false],
    ['b:y', 0, false],
    ['', 0, false],
    // A clock that was wrong by a little, and by years.
    ['a:y', -0.5, true],
    ['a:y', -400, false],
  ]) {
    assert.equal(isFresh(consent, said(item), memory, later(days)), fresh, `${item} after ${days} days`);
  }
  assert.equal(isFresh(consent, undefined, memory, later(0)), false);
});

test('only a fresh yes lets a consent purpose run', () => {
  assert.equal(allows(consent, undefined, memory, later(0), true), false);
  assert.equal(allows(consent, said('a:n'), memory, later(0), true), false);
  assert.equal(allows(consent, said('a:y'), memory, later(0), true), true);
  assert.equal(allows(consent, said('a:y'), memory, later(400), true), false);
  assert.equal(allows({ id: 'a', route: 'soft-opt-in' }, undefined, memory, later(0), true), false);
  assert.equal(allows({ id: 'a', route: 'unheard-of' }, undefined, memory, later(0), true), false);
});

test('statistics run once the person is told, and never after an objection', () => {
  assert.equal(allows(statistics, undefined, memory, later(0), false), false);
  assert.equal(allows(statistics, undefined, memory, later(0), true), true);
  assert.equal(allows(statistics, said('a:n'), memory, later(0), true), false);
  assert.equal(allows(statistics, said('a:n'), memory, later(4000), true), false);
});

// A refused decision was forgotten whole, and with it an objection: the purpose ran until the person objected again.
test('of a choice that was not taken only objections are left', () => {
  const asked = [{ ...consent, id: 'a' }, { ...statistics, id: 'b' }, { ...statistics, id: 'c' }];
  const choice = said('a:y~b:n~c:y');
  choice.choices = unsaid(asked, choice);
  assert.deepEqual({ ...choice.choices }, { b: 'n' });
  for (const purpose of asked) {
    assert.equal(allows(purpose, choice, memory, later(0), true), purpose.id == 'c', purpose.id);
  }
});

test('what is only told is no choice', () => {
  assert.equal(allows({ id: 'a', route: 'necessary' }, undefined, memory, 0, false), true);
  assert.equal(isChoice({ route: 'necessary' }), false);
  assert.equal(isChoice({ route: 'statistics' }), true);
});

test('what was said earlier says so, and is not prolonged by what is said later', () => {
  const value = VALUE.replace('analytics:y', 'analytics:y-30');
  const choice = parse(value);
  assert.equal(print(choice), value);
  assert.equal(choice.choices.analytics, 'y');
  for (const bad of ['y-', 'y-0', 'y-030', 'y-1000', 'y--1', 'y-1-1']) {
    assert.equal(parse(VALUE.replace('analytics:y', `analytics:${bad}`)), undefined, bad);
  }
  const memory = { grant_days: 31, refusal_days: 31 };
  const [analytics, surveys] = ['analytics', 'surveys'].map((id) => ({ id, route: 'consent' }));
  const at = (days) => choice.decided + days * 86400;
  assert.equal(isFresh(analytics, choice, memory, at(0.9)), true);
  assert.equal(isFresh(analytics, choice, memory, at(1)), false);
  assert.equal(isFresh(surveys, choice, memory, at(30)), true);
  // Rounded up, so that it never lives longer than it may.
  assert.equal(older(choice, 'analytics', at(0.1)), 31);
  assert.equal(older(choice, 'surveys', at(0.1)), 1);
  assert.equal(older(choice, 'surveys', at(0)), 0);
  assert.equal(older(choice, 'surveys', at(5000)), 999);
});

test('a significant change ends a yes from before, not a no, and not before its time', () => {
  const choice = parse(VALUE);
  const memory = { grant_days: 365, refusal_days: 365 };
  const fresh = (id, changed, now) => isFresh({ id, route: 'consent', changed }, choice, memory, choice.decided + now);
  assert.equal(fresh('analytics', choice.decided + 5, 10), false);
  assert.equal(fresh('analytics', choice.decided + 5, 4), true);
  assert.equal(fresh('analytics', choice.decided, 10), true);
  assert.equal(fresh('surveys', choice.decided + 5, 10), true);
});
