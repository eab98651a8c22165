// A mask from an image file: decoded in the browser and sent as run lengths, like a drawn mask.

import { formatBytes } from '../core/format.js';
import { Refused } from '../core/net.js';
import { encodeRuns } from '../core/rle.js';

const LARGEST_PICTURE_BYTES = 64 * 1024 * 1024;
const SHAPE_TOLERANCE = 0.01;

/** Reads the chosen file as the active object's mask on the current frame. */
export class MaskPicture {
  constructor(app, button, input) {
    this.app = app;
    this.input = input;
    button.onclick = () => input.click();
    input.onchange = () => this.read(input.files[0]);
  }

  async read(file) {
    const { project, frame, status, editing } = this.app;
    this.input.value = '';
    if (!file || !project) return;
    const { active } = project;
    try {
      const counts = await maskInPicture(file, project.video);
      if (project === this.app.project) editing.drawMask(counts, active, frame);
    } catch (error) {
      status.fail(error);
    }
  }
}

async function maskInPicture(file, { width, height }) {
  const refuse = (text) => {
    throw new Refused({ code: 'BAD_MASK_PICTURE', text });
  };
  if (file.size > LARGEST_PICTURE_BYTES) {
    refuse(
      `This image is ${formatBytes(file.size)}: use one of at most ` +
        `${formatBytes(LARGEST_PICTURE_BYTES)}.`,
    );
  }
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    refuse('This file could not be read as an image: use a PNG or JPEG file.');
  }
  try {
    const shape = picture.width / picture.height / (width / height);
    if (Math.abs(shape - 1) > SHAPE_TOLERANCE) {
      refuse(
        `The image is ${picture.width} × ${picture.height} pixels, the video ` +
          `${width} × ${height}: use a mask with the video's size or aspect ratio.`,
      );
    }
    const set = pixelsOnObject(pixelsOf(picture, width, height));
    if (!set.includes(1)) refuse('This image shows no object: it is completely black.');
    return countsOf(set, width);
  } finally {
    picture.close();
  }
}

/** Returns the image's pixels at the size of the video, nearest neighbour. */
function pixelsOf(picture, width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d');
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height).data;
}

/**
 * Returns 1 for each pixel on the object. In an image with transparency, the opaque part is the
 * object; otherwise everything at least half as bright as the brightest pixel, in any colour.
 */
function pixelsOnObject(pixels) {
  let brightest = 0;
  let isOpaque = true;
  for (let at = 0; at < pixels.length; at += 4) {
    brightest = Math.max(brightest, pixels[at], pixels[at + 1], pixels[at + 2]);
    isOpaque = isOpaque && pixels[at + 3] > 127;
  }
  const set = new Uint8Array(pixels.length / 4);
  for (let at = 0; at < pixels.length; at += 4) {
    const light = Math.max(pixels[at], pixels[at + 1], pixels[at + 2]);
    set[at / 4] = isOpaque ? light > 0 && 2 * light >= brightest : pixels[at + 3] > 127;
  }
  return set;
}

/** Returns the run lengths of pixels given row by row. */
function countsOf(set, width) {
  const runs = [];
  let run = 0;
  let current = 0;
  for (let x = 0; x < width; x++) {
    for (let at = x; at < set.length; at += width) {
      if (set[at] !== current) {
        runs.push(run);
        run = 0;
        current = set[at];
      }
      run++;
    }
  }
  runs.push(run);
  return encodeRuns(runs);
}
