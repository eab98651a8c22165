// What is said of a file of masks once it is loaded.

import assert from 'node:assert/strict';
import test from 'node:test';

import { loadedText } from '../../sam2_demo/web/js/files/mask_file.js';

test('it says how many objects there are, and what was left out', () => {
  assert.equal(
    loadedText('a.zip', { objects: 1, boxes: 0, elsewhere: 0 }),
    'Loaded 1 object from a.zip. Undo restores what was here.',
  );
  assert.equal(
    loadedText('a.xml', { objects: 2, boxes: 1, elsewhere: 3 }),
    'Loaded 2 objects from a.xml. Left out: 1 box without a mask, 3 masks on frames that are not open. Undo restores what was here.',
  );
});
