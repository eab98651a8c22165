// The kinds of clicks: which are of the opposite sign.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Pointer, isOther } from '../../sam2_demo/web/js/canvas/pointer.js';

const PLAIN = { button: 0, buttons: 1, altKey: false, ctrlKey: false, shiftKey: false };

test('a click is of the opposite kind with the right button or a modifier', () => {
  assert.equal(isOther(PLAIN), false);
  for (const held of [
    { button: 2, buttons: 2 },
    { altKey: true },
    { ctrlKey: true }, // what a Mac sends for its right click
    { shiftKey: true },
  ]) {
    assert.equal(isOther({ ...PLAIN, ...held }), true, JSON.stringify(held));
  }
});

/** Stands in for an element, the document and the window. */
class Listening extends EventTarget {
  classList = { toggle() {} };
}

test('no context menu opens over the picture', () => {
  const [element, document, window] = [new Listening(), new Listening(), new Listening()];
  Object.assign(globalThis, { document, window });
  new Pointer(element, element, {}, {});
  const event = new Event('contextmenu', { cancelable: true });
  element.dispatchEvent(event);
  assert.equal(event.defaultPrevented, true);
});
