// The visitor: a name that stays, and on a ZeroGPU Space what the page around this one knows.

import assert from 'node:assert/strict';
import test from 'node:test';

import { VISITOR, visitorHeaders } from '../../sam2_demo/web/js/core/visitor.js';

const HEADERS = { 'X-IP-Token': 'of a visitor' };

function hub(asked) {
  return {
    postMessage(question, origin, [port]) {
      asked.push([question, origin]);
      port.postMessage(HEADERS);
      port.close();
    },
  };
}

test('the hub is asked for the headers where it offers them', async () => {
  const asked = [];
  globalThis.window = { parent: hub(asked), supports_zerogpu_headers: true };
  assert.deepEqual(await visitorHeaders(), { ...VISITOR, ...HEADERS });
  assert.deepEqual(asked, [['zerogpu-headers', 'https://huggingface.co']]);
});

test('a visitor has one name', () => {
  assert.deepEqual(Object.keys(VISITOR), ['X-SAM2-Visitor']);
  assert.match(VISITOR['X-SAM2-Visitor'], /^[0-9a-f]{24}$/);
});

test('nobody is asked elsewhere', async () => {
  const asked = [];
  globalThis.window = { parent: hub(asked) }; // some other page around it
  assert.deepEqual(await visitorHeaders(), VISITOR);
  globalThis.window = { supports_zerogpu_headers: true };
  globalThis.window.parent = globalThis.window;
  assert.deepEqual(await visitorHeaders(), VISITOR);
  assert.deepEqual(asked, []);
});

test('a page that does not answer is not waited for', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const silent = { postMessage() {} };
  globalThis.window = { parent: silent, supports_zerogpu_headers: true };
  const headers = visitorHeaders();
  context.mock.timers.tick(2000);
  assert.deepEqual(await headers, VISITOR);
});
