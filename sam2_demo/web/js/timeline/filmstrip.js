// The top of the timeline: a ruler and a strip of thumbnails.

import { formatTime } from '../core/format.js';
import { thumbnailAddress } from '../core/net.js';
import { frameAtTime } from './axis.js';

const RULER_STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
const RULER_GAP_PX = 64;
const PICTURE_HEIGHT = 40;
const PICTURES_AT_ONCE = 2;

export class Filmstrip {
  constructor(ruler, pictures) {
    this.ruler = ruler;
    this.pictures = pictures;
    this.drawn = '';
  }

  clear() {
    this.drawn = '';
    this.pictures.replaceChildren();
  }

  /** Redraws only if the width, the video or the theme changed. */
  draw(video, axis, width) {
    const color = getComputedStyle(this.ruler).color;
    const wanted = `${video.token} ${width} ${color}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.drawRuler(video.frame_times_s, axis, width, color);
    this.placePictures(video, axis);
  }

  drawRuler(times, axis, width, color) {
    const ratio = window.devicePixelRatio || 1;
    const height = this.ruler.clientHeight;
    this.ruler.width = Math.round(width * ratio);
    this.ruler.height = Math.round(height * ratio);
    const pen = this.ruler.getContext('2d');
    pen.scale(ratio, ratio);
    pen.fillStyle = color;
    pen.font = '10.5px system-ui, sans-serif';
    const perSecond = (axis.end - axis.start) / Math.max(0.001, times[times.length - 1]);
    const step =
      RULER_STEPS_S.find((seconds) => seconds * perSecond >= RULER_GAP_PX) ||
      RULER_STEPS_S[RULER_STEPS_S.length - 1];
    let free = 0; // with a variable frame rate, labels may collide
    for (let tick = 0; tick * step <= times[times.length - 1]; tick++) {
      const time = tick * step;
      const x = Math.round(axis.left(frameAtTime(times, time - 1e-6)));
      pen.fillRect(x, height - 5, 1, 5);
      const text =
        step < 1 ? `${formatTime(time)}.${Math.round(10 * time) % 10}` : formatTime(time);
      const end = x + pen.measureText(text).width;
      if (x < free || end >= axis.end) continue;
      pen.fillText(text, x + 3, height - 4);
      free = end + 6;
    }
  }

  /** Places as many thumbnails as fit, each of the frame in the middle of its slot. */
  placePictures(video, axis) {
    const shape = Math.max(0.6, Math.min(2.4, video.width / video.height));
    const span = axis.end - axis.start;
    const count = Math.max(1, Math.min(video.frames, Math.round(span / (PICTURE_HEIGHT * shape))));
    const frames = Array.from({ length: count }, (_, place) =>
      Math.floor(((place + 0.5) * video.frames) / count),
    );
    const pictures = frames.map(() => {
      const picture = document.createElement('img');
      picture.alt = '';
      picture.draggable = false;
      return picture;
    });
    this.pictures.style.left = `${axis.start}px`;
    this.pictures.style.width = `${span}px`;
    this.pictures.replaceChildren(...pictures);
    let next = 0;
    const load = () => {
      // few at once: clicks and frames go first
      if (next >= count || pictures[next].parentNode !== this.pictures) return;
      const picture = pictures[next];
      picture.onload = picture.onerror = load;
      picture.src = thumbnailAddress(video, frames[next++]);
    };
    for (let lane = 0; lane < PICTURES_AT_ONCE; lane++) load();
  }
}
