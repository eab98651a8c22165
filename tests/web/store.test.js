// The store: who is told of a change, when, and how often.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Store } from '../../sam2_demo/web/js/core/store.js';

/** Returns a store whose next moment comes when `pass()` is called. */
function storeAndTime(state = { frame: 0, sign: true, masks: null }) {
  const waiting = [];
  const store = new Store(state, (act) => waiting.push(act));
  const pass = () => waiting.splice(0).forEach((act) => act());
  return { store, pass, waiting };
}

test('subscribers are told of their topics alone, later, and once for many changes', () => {
  const { store, pass, waiting } = storeAndTime();
  const told = [];
  store.subscribe(['frame', 'masks'], () => told.push(`frame ${store.get('frame')}`));
  store.subscribe(['sign'], () => told.push('sign'));
  store.set('frame', 1);
  store.set('frame', 2);
  store.touch('masks');
  assert.deepEqual(told, []);
  assert.equal(waiting.length, 1);
  pass();
  assert.deepEqual(told, ['frame 2']);
  pass();
  assert.equal(told.length, 1);
});

test('a value that is set again is no change; a topic that is touched is one', () => {
  const { store, waiting } = storeAndTime();
  store.set('frame', 0);
  store.set('sign', true);
  assert.equal(waiting.length, 0);
  store.touch('frame');
  assert.equal(waiting.length, 1);
});

test('subscribers are called in the order in which they came', () => {
  const { store, pass } = storeAndTime();
  const told = [];
  store.subscribe(['sign'], () => told.push('first'));
  store.subscribe(['frame'], () => told.push('second'));
  store.subscribe(['sign', 'frame'], () => told.push('third'));
  store.set('frame', 5);
  store.set('sign', false);
  pass();
  assert.deepEqual(told, ['first', 'second', 'third']);
});

test('what a subscriber changes is told the next time', () => {
  const { store, pass } = storeAndTime();
  const told = [];
  store.subscribe(['sign'], () => told.push(store.get('sign')));
  store.subscribe(['frame'], () => store.set('sign', false));
  store.set('frame', 1);
  pass();
  assert.deepEqual(told, []);
  pass();
  assert.deepEqual(told, [false]);
});

test('a subscriber that fails does not stop those that come later', () => {
  const { store, pass } = storeAndTime();
  const told = [];
  store.subscribe(['sign'], () => {
    throw new Error('broken');
  });
  store.subscribe(['frame'], () => told.push('frame'));
  store.set('sign', false);
  assert.throws(pass, /broken/);
  store.set('frame', 1);
  pass();
  assert.deepEqual(told, ['frame']);
});

test('a subscription ends', () => {
  const { store, pass } = storeAndTime();
  let told = 0;
  const end = store.subscribe(['frame'], () => told++);
  end();
  store.set('frame', 1);
  pass();
  assert.equal(told, 0);
});

test('a topic that there is not is an error wherever it stands', () => {
  const { store } = storeAndTime();
  const unknown = /no topic framee/;
  assert.throws(() => store.get('framee'), unknown);
  assert.throws(() => store.set('framee', 1), unknown);
  assert.throws(() => store.touch('frame', 'framee'), unknown);
  assert.throws(() => store.subscribe(['framee'], () => {}), unknown);
});
