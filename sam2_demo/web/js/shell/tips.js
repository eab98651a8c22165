// Tips for the first minute: one after another, each until it was followed.

import { remember, remembered } from '../core/storage.js';

const TIPS_KEY = 'sam2-tips-done';

/** In order; `fits` returns whether a tip applies to the current state. */
const TIPS = [
  {
    fits: ({ clicks, spread, still }) => clicks === 1 && !spread && !still,
    text: 'Click again to correct the mask, or + Add another object. Then propagate.',
  },
  {
    fits: ({ clicks, still }) => clicks === 1 && still,
    text: 'Click again to correct the mask, or + Add another object.',
  },
  {
    fits: ({ clicks, spread, still }) => clicks > 1 && !spread && !still,
    text: 'Propagate to track the masks through the video.',
  },
  {
    fits: ({ spread, promptedFrames }) => spread && promptedFrames === 1,
    text: 'Go to a frame where a mask is wrong, click to correct it, then propagate again.',
  },
  {
    fits: ({ spread, promptedFrames, clicks, still }) =>
      (spread && promptedFrames > 1) || (still && clicks > 1),
    text: 'Done? Download what you need. You can correct more and download again.',
  },
];

export class Tips {
  constructor(find) {
    this.line = find('tip');
    this.text = find('tip-text');
    this.shown = null;
    find('tip-close').onclick = () => this.finish(TIPS.length);
    find('exports').addEventListener('click', () => this.finish(TIPS.length));
    this.done = Number(remembered(TIPS_KEY)) || 0;
  }

  /** Shows the tip that fits; earlier ones count as followed and do not return. */
  show(project, busy) {
    if (this.done >= TIPS.length) return;
    const place = busy ? -1 : TIPS.findIndex(({ fits }) => fits(stateOf(project)));
    if (this.shown !== null && place > this.shown) this.finish(this.shown + 1);
    const fresh = place >= this.done;
    if (fresh) {
      this.shown = place;
      this.text.textContent = TIPS[place].text;
    }
    this.line.hidden = !fresh;
  }

  finish(count) {
    this.done = Math.max(this.done, count);
    this.line.hidden = true;
    remember(TIPS_KEY, this.done);
  }
}

/** Returns how far the work on a video has got. */
function stateOf(project) {
  const prompts = [...project.prompts.values()];
  const promptedFrames = new Set(prompts.map((prompt) => prompt.frame));
  return {
    still: project.video.subject === 'image',
    clicks: prompts.reduce((sum, { points, box }) => sum + points.length + (box ? 1 : 0), 0),
    promptedFrames: promptedFrames.size,
    spread: project.masks.size > promptedFrames.size,
  };
}
