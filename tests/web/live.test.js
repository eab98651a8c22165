// A live camera sends one picture at a time, the newest, and never queues any; whoever has no
// camera is told why.

import assert from 'node:assert/strict';
import test from 'node:test';

import { cameraIds, openCamera } from '../../sam2_demo/web/js/core/camera.js';
import { NewestOnly } from '../../sam2_demo/web/js/live/newest_only.js';

/** Returns a server whose answers come when `answer()` is called, and what was sent to it. */
function slowServer() {
  const sent = [];
  const open = [];
  return {
    sent,
    open,
    send: (picture) => {
      sent.push(picture);
      return new Promise((resolve) => open.push(resolve));
    },
    answer: async () => {
      open.shift()();
      await new Promise((resolve) => setTimeout(resolve));
    },
  };
}

test('while an answer is awaited, only the newest picture waits', async () => {
  const server = slowServer();
  const pictures = new NewestOnly(server.send);
  for (const number of [1, 2, 3, 4]) pictures.offer(number);
  assert.deepEqual(server.sent, [1]);
  await server.answer();
  assert.deepEqual(server.sent, [1, 4]);
  assert.equal(pictures.dropped, 2);
  assert.equal(server.open.length, 1);
});

test('without a new picture nothing is sent twice', async () => {
  const server = slowServer();
  const pictures = new NewestOnly(server.send);
  pictures.offer(1);
  await server.answer();
  assert.deepEqual(server.sent, [1]);
  pictures.offer(2);
  assert.deepEqual(server.sent, [1, 2]);
  assert.equal(pictures.dropped, 0);
});

test('a server as fast as the camera gets every picture, a slow one some, in order', async () => {
  for (const [answersAfter, wanted] of [
    [1, [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    [3, [0, 2, 5, 8]],
  ]) {
    const server = slowServer();
    const pictures = new NewestOnly(server.send);
    for (let number = 0; number < 9; number++) {
      pictures.offer(number);
      if (number % answersAfter === answersAfter - 1) await server.answer();
      assert.ok(server.open.length <= 1);
    }
    assert.deepEqual(server.sent, wanted);
  }
});

test('while the frame on show is worked on, nothing is sent; the next picture goes on', async () => {
  const server = slowServer();
  let held = true;
  const pictures = new NewestOnly(server.send, () => held);
  pictures.offer(1);
  pictures.offer(2);
  assert.deepEqual(server.sent, []);
  held = false;
  pictures.offer(3);
  assert.deepEqual(server.sent, [3]);
});

test('the end waits for the last answer and sends nothing more', async () => {
  const server = slowServer();
  const pictures = new NewestOnly(server.send);
  pictures.offer(1);
  pictures.offer(2);
  let ended = false;
  const end = pictures.end().then(() => {
    ended = true;
  });
  await Promise.resolve();
  assert.equal(ended, false);
  await server.answer();
  await end;
  pictures.offer(3);
  assert.deepEqual(server.sent, [1]);
});

/** Runs `act` in a browser that has these `mediaDevices`. */
async function withDevices(mediaDevices, act) {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { mediaDevices }, configurable: true });
  try {
    return await act();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else delete globalThis.navigator;
  }
}

test('a camera that points away from the person is asked for, or the one that was chosen', () => {
  const asked = [];
  const getUserMedia = async ({ audio, video }) => asked.push([audio, video]) && 'stream';
  return withDevices({ getUserMedia }, async () => {
    assert.equal(await openCamera(), 'stream');
    await openCamera('rear 2');
    assert.deepEqual(asked[0][1].facingMode, { ideal: 'environment' });
    assert.deepEqual(asked[1][1].deviceId, { exact: 'rear 2' });
    assert.equal(asked[0][0], undefined);
  });
});

test('only cameras can be changed to', () => {
  const devices = [
    { kind: 'audioinput', deviceId: 'm' },
    { kind: 'videoinput', deviceId: 'a' },
    { kind: 'videoinput', deviceId: 'b' },
  ];
  return withDevices({ enumerateDevices: async () => devices }, async () => {
    assert.deepEqual(await cameraIds(), ['a', 'b']);
  });
});

test('each reason why there is no camera has its own sentence', async () => {
  const fails = (name) => ({
    getUserMedia: () => Promise.reject(new DOMException('so', name)),
  });
  for (const [devices, sentence] of [
    [undefined, /over HTTPS or on this computer/],
    [{}, /over HTTPS or on this computer/],
    [fails('NotAllowedError'), /blocked the camera/],
    [fails('NotFoundError'), /No camera was found/],
    [fails('NotReadableError'), /Another program/],
    [fails('AbortError'), /could not be started/],
  ]) {
    await assert.rejects(
      withDevices(devices, () => openCamera()),
      (error) => error.code === 'CAMERA' && sentence.test(error.message),
    );
  }
});
