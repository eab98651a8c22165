// Where frames and times are on the timeline.

/** The horizontal positions of frames, shared by ruler, thumbnails and lanes. */
export class Axis {
  constructor(width, frames) {
    this.start = 26; // room for the objects' numbers
    this.end = Math.max(this.start + 1, width - 14); // room for a scroll bar
    this.frames = frames;
    this.perFrame = (this.end - this.start) / frames;
  }

  left(frame) {
    return this.start + frame * this.perFrame;
  }

  middle(frame) {
    return this.left(frame + 0.5);
  }

  frameAt(x) {
    const frame = Math.floor((x - this.start) / this.perFrame);
    return Math.max(0, Math.min(this.frames - 1, frame));
  }
}

/** Returns the first frame at or after a time. */
export function frameAtTime(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
