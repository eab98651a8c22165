// The table of keys: each has one meaning, which the help sheet tells.

import assert from 'node:assert/strict';
import test from 'node:test';

import { KEYS, pressedKeys } from '../../sam2_demo/web/js/shell/keys.js';

const LINES = KEYS.flatMap(({ lines }) => lines);

test('every key has one meaning', () => {
  const keys = LINES.flatMap((line) => line.keys || []);
  const doubled = keys.filter((key, place) => keys.indexOf(key) !== place);
  assert.deepEqual(doubled, []);
});

test('every line says what it does, and runs it where it has keys', () => {
  for (const { how, keys, does, run } of LINES) {
    assert.ok(does);
    assert.equal(typeof run === 'function', Boolean(keys), does);
    assert.notEqual(Boolean(keys), Boolean(how), does);
  }
});

const PRESSED = [
  [{ key: 'z', ctrlKey: true }, 'Ctrl+z'],
  [{ key: 'Z', metaKey: true, shiftKey: true }, 'Ctrl+Shift+z'],
  [{ key: 'X' }, 'x'], // with Caps Lock
  [{ key: '?', shiftKey: true }, '?'],
  [{ key: 'ArrowLeft', shiftKey: true }, 'Shift+ArrowLeft'],
  [{ key: 'ArrowUp', altKey: true }, 'Alt+ArrowUp'],
  [{ key: 'я', code: 'KeyZ', ctrlKey: true }, 'Ctrl+z'],
  [{ key: '[', code: 'Digit5', altKey: true }, '['], // Option + 5 on a German Mac
  [{ key: ']', code: 'Digit9', ctrlKey: true, altKey: true }, ']'], // AltGr + 9 on Windows
  [{ key: '[', code: 'Digit5', altKey: true, shiftKey: true }, '['], // on a French Mac
  [{ key: '[', code: 'BracketLeft', ctrlKey: true }, 'Ctrl+['], // the browser's own
  [{ key: 'f', code: 'KeyF', altKey: true }, 'Alt+f'], // opens the browser's menu
  [{ key: 'ƒ', code: 'KeyF', altKey: true }, 'Alt+f'],
];

for (const [event, combination] of PRESSED) {
  test(`${JSON.stringify(event)} is written as in the table: ${combination}`, () => {
    assert.equal(pressedKeys(event), combination);
  });
}
