// Several images, or a folder of them, opened as one video.

import { formatBytes } from '../core/format.js';
import { storedZip } from './stored_zip.js';

export const PICTURE_NAME = /\.(png|jpe?g|webp|bmp|tiff?|hei[cf]|hif|avif)$/i;
const HIDDEN_NAME = /(^|\/)(\.|__MACOSX)/;
const MAX_ZIP_BYTES = 2 ** 32 - 2 ** 24; // beyond that, a zip needs 64-bit fields
const MAX_ZIP_FILES = 65_535;

export class PictureSeries {
  /** `onChoice(fields, pack)` receives name and rate; `pack(onProgress, signal)` makes the file. */
  constructor(find, status, onChoice) {
    this.find = find;
    this.status = status;
    this.onChoice = onChoice;
    this.dialog = find('series-dialog');
    find('series-form').onsubmit = () => this.submit();
    find('series-cancel').onclick = () => this.dialog.close();
  }

  /** Asks for the frame rate of images, each {name, file}. */
  ask(pictures, title) {
    const bytes = pictures.reduce((sum, { file }) => sum + file.size, 0);
    if (bytes > MAX_ZIP_BYTES || pictures.length > MAX_ZIP_FILES) {
      this.status.show(
        `These ${pictures.length} images add up to ${formatBytes(bytes)}: ` + 'choose fewer.',
        'error',
      );
      return;
    }
    this.pictures = pictures;
    this.title = title;
    this.find('series-text').textContent =
      `${pictures.length} images (${formatBytes(bytes)}) open as one video, ordered by name.`;
    this.dialog.showModal();
    this.find('series-fps').select();
  }

  submit() {
    const { pictures, title } = this;
    const fps = Number(this.find('series-fps').value);
    this.dialog.close();
    this.onChoice({ name: title.slice(0, 200), fps }, (onProgress, signal) =>
      storedZip(pictures, onProgress, signal),
    );
  }
}

/** Returns those files, each {name, file}, that are images. */
export function picturesAmong(files) {
  return files.filter(({ name }) => PICTURE_NAME.test(name) && !HIDDEN_NAME.test(name));
}

/** Returns the files of a file dialog as {name, file}; names are made safe for a zip. */
export function filesOf(list) {
  return [...list].map((file) => ({ name: zipName(file.webkitRelativePath || file.name), file }));
}

function zipName(path) {
  return path.replace(/[\\:]/g, '_').replace(/^\/+/, '');
}

/** Returns what was dropped as {name, file}: files, and all that is in folders. */
export async function filesDropped(transfer) {
  const entries = [...transfer.items].map(
    (item) => item.webkitGetAsEntry && item.webkitGetAsEntry(),
  );
  const plain = filesOf(transfer.files);
  if (!entries.some((entry) => entry && entry.isDirectory)) return plain;
  const found = [];
  for (const entry of entries) if (entry) await gather(entry, found);
  return found;
}

async function gather(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ name: zipName(entry.fullPath), file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // a reader gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await gather(one, found);
  }
}
