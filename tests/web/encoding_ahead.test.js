// The frame on show is encoded once the page rests, then those around it, one by one.

import assert from 'node:assert/strict';
import test, { mock } from 'node:test';

import { EncodingAhead } from '../../sam2_demo/web/js/tools/encoding_ahead.js';

/** Returns a page at rest on a frame of a video, the frames that were asked for and encoded. */
function page({ frame, frames, answer = () => true }) {
  const asked = [];
  const encoded = [];
  let due = null; // what is to happen, and in how long
  mock.method(globalThis, 'setTimeout', (act, time) => (due = { act, time }));
  mock.method(globalThis, 'clearTimeout', () => (due = null));
  const app = {
    frame,
    project: { video: { token: 'T', frames } },
    player: { playing: false },
    tracking: { running: null },
    editing: { waiting: 0 },
    live: { isOn: false },
    store: { subscribe: (topics, react) => (app.touch = react) },
  };
  const ask = async (token, each) => asked.push(each) && answer(each);
  new EncodingAhead(app, (each) => encoded.push(each), ask);
  const pass = async (time) => {
    if (due && (due.time -= time) <= 0) {
      const { act } = due;
      due = null;
      act();
    }
    for (let turn = 0; turn < 9; turn += 1) await null; // what was promised is kept meanwhile
  };
  return { app, asked, encoded, pass };
}

test.afterEach(() => mock.restoreAll());

test('first the frame on show, then its neighbours within the video', async () => {
  const { app, asked, encoded, pass } = page({ frame: 1, frames: 3 });
  app.touch();
  await pass(299);
  assert.deepEqual(asked, []);
  await pass(1);
  assert.deepEqual(encoded, [1]);
  for (let count = 0; count < 5; count += 1) await pass(1200);
  assert.deepEqual(asked, [1, 2, 0]);
  assert.deepEqual(encoded, [1, 2, 0]);
});

test('another frame begins anew, and a busy page waits', async () => {
  const { app, asked, pass } = page({ frame: 0, frames: 9 });
  app.touch();
  await pass(200);
  app.frame = 5;
  app.touch();
  await pass(200);
  assert.deepEqual(asked, []);
  await pass(100);
  assert.deepEqual(asked, [5]);
  app.tracking.running = {};
  await pass(5000);
  assert.deepEqual(asked, [5]);
});

test('where something else is computed, no other frame is tried', async () => {
  const { app, asked, encoded, pass } = page({ frame: 0, frames: 9, answer: () => false });
  app.touch();
  await pass(300);
  await pass(5000);
  assert.deepEqual(asked, [0]);
  assert.deepEqual(encoded, []);
});
