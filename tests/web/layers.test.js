// The folders of the page's modules: who may import whom, how large they are, and that nothing is
// exported for nobody.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../sam2_demo/web/js/', import.meta.url));
const TESTS = fileURLToPath(new URL('./', import.meta.url));

/** From the lowest to the highest; a folder imports itself and those before its own line. */
const LAYERS = [
  ['core'],
  ['canvas'],
  ['timeline', 'objects', 'tools', 'runs', 'effects', 'files', 'live'],
  ['project'],
  ['shell'],
  ['.'],
];
const MAX_FILES = 15;
const IMPORT = /import\s+(?:\{([^}]*)\}\s+from\s+)?'([^']+)'/g;
const EXPORT = /^export (?:async )?(?:function|class|const) (\w+)/gm;
/** What a page is started with, and what tests in a browser reach for. */
const ENTRIES = ['start', 'EffectPainter', 'MaskEdit'];

const FILES = readdirSync(FOLDER, { recursive: true })
  .map((name) => String(name).split(path.sep).join('/'))
  .filter((name) => name.endsWith('.js'))
  .sort();
const TEXTS = new Map(FILES.map((name) => [name, readFileSync(path.join(FOLDER, name), 'utf8')]));

const folderOf = (name) => path.posix.dirname(name).split('/')[0];
const levelOf = (name) => LAYERS.findIndex((folders) => folders.includes(folderOf(name)));

/** Returns what a module imports: {file, names}. */
function importsOf(name, text = TEXTS.get(name)) {
  return [...text.matchAll(IMPORT)].map(([, names, from]) => ({
    file: path.posix.join(path.posix.dirname(name), from),
    names: (names || '')
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean),
  }));
}

test('every folder has its layer, and no more files than one can keep in mind', () => {
  const folders = new Map();
  for (const name of FILES) {
    assert.ok(levelOf(name) >= 0, name);
    const folder = path.posix.dirname(name);
    folders.set(folder, (folders.get(folder) || 0) + 1);
  }
  assert.ok(FILES.length > 50);
  for (const [folder, count] of folders) assert.ok(count <= MAX_FILES, `${folder}: ${count}`);
});

test('modules import what is there, from their own folder or a lower layer', () => {
  for (const name of FILES) {
    for (const { file, names } of importsOf(name)) {
      assert.ok(TEXTS.has(file), `${name} imports ${file}`);
      const isOwn = folderOf(file) === folderOf(name);
      assert.ok(isOwn || levelOf(file) < levelOf(name), `${name} imports ${file}`);
      const exported = new Set([...TEXTS.get(file).matchAll(EXPORT)].map((match) => match[1]));
      for (const one of names) assert.ok(exported.has(one), `${file} exports no ${one}`);
    }
  }
});

test('no module imports itself, by whatever way round', () => {
  const done = new Set();
  const visit = (name, way) => {
    assert.ok(!way.includes(name), [...way, name].join(' > '));
    if (done.has(name)) return;
    for (const { file } of importsOf(name)) visit(file, [...way, name]);
    done.add(name);
  };
  for (const name of FILES) visit(name, []);
});

test('whatever is exported is imported somewhere', () => {
  const used = new Set(ENTRIES);
  const tests = readdirSync(TESTS).map((name) => readFileSync(path.join(TESTS, name), 'utf8'));
  const sources = [...TEXTS];
  for (const text of tests) sources.push(['tests', text]);
  for (const [name, text] of sources) {
    for (const { names } of importsOf(name, text)) names.forEach((one) => used.add(one));
  }
  for (const name of FILES) {
    for (const [, exported] of TEXTS.get(name).matchAll(EXPORT)) {
      assert.ok(used.has(exported), `${name} exports ${exported}`);
    }
  }
});
