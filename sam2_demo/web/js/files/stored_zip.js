// A zip without compression: enough to send many images as one file.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC_TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

const ZIP_VERSION = 20;
const ZIP_UTF8 = 0x800;
const ZIP_DATE = 0x21; // 1 January 1980, the earliest date in a zip

const u16 = (...values) => values.map((value) => [value, 2]);
const u32 = (...values) => values.map((value) => [value, 4]);

/** Returns the numbers, each [value, bytes], lowest byte first. */
function littleEndian(numbers) {
  const bytes = [];
  for (const [value, size] of numbers) {
    for (let place = 0; place < size; place++) bytes.push((value >>> (8 * place)) & 255);
  }
  return Uint8Array.from(bytes);
}

/**
 * Returns a Blob that holds files, each {name, file}; the files' own bytes are not copied.
 * `onProgress(done, total)` is told of each file; `signal` stops the work.
 */
export async function storedZip(entries, onProgress, signal) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [place, { name, file }] of entries.entries()) {
    if (signal.aborted) throw new DOMException('stopped', 'AbortError');
    const title = new TextEncoder().encode(name);
    const sum = crc32(new Uint8Array(await file.arrayBuffer()));
    const facts = [
      ...u16(ZIP_VERSION, ZIP_UTF8, 0, 0, ZIP_DATE),
      ...u32(sum, file.size, file.size),
      ...u16(title.length, 0),
    ];
    const head = littleEndian([...u32(0x04034b50), ...facts]);
    parts.push(head, title, file);
    const listed = [...u32(0x02014b50), ...u16(ZIP_VERSION), ...facts];
    directory.push(littleEndian([...listed, ...u16(0, 0, 0), ...u32(0, offset)]), title);
    offset += head.length + title.length + file.size;
    onProgress(place + 1, entries.length);
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = entries.length;
  const last = littleEndian([
    ...u32(0x06054b50),
    ...u16(0, 0, count, count),
    ...u32(size, offset),
    ...u16(0),
  ]);
  return new Blob([...parts, ...directory, last], { type: 'application/zip' });
}
