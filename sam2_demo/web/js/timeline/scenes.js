// Scene cuts: detected once a video is open, marked on the timeline.

import { makeButton } from '../core/elements.js';
import { postStream } from '../core/net.js';

export class Scenes {
  constructor(layer, onFound, onSeek) {
    this.layer = layer;
    this.onFound = onFound;
    this.onSeek = onSeek;
    this.clear();
  }

  clear() {
    if (this.looking) this.looking.abort();
    this.looking = null;
    this.ready = Promise.resolve();
    this.cuts = [];
    this.drawn = '';
    this.layer.replaceChildren();
  }

  /** Detects cuts in the background; if that fails, there are simply no marks. */
  open(video) {
    this.clear();
    const looking = (this.looking = new AbortController());
    this.ready = postStream(
      `videos/${video.token}/scenes`,
      {},
      ({ cuts }) => {
        if (looking !== this.looking) return;
        this.cuts = cuts;
        this.onFound();
      },
      looking.signal,
    ).catch(() => {});
  }

  draw(axis) {
    const wanted = `${axis.end} ${this.cuts}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.layer.replaceChildren(
      ...this.cuts.map((frame) => {
        const mark = makeButton('s2-cut', '', `Scene cut at frame ${frame + 1}`, () =>
          this.onSeek(frame),
        );
        mark.tabIndex = -1;
        mark.style.left = `${axis.left(frame)}px`;
        return mark;
      }),
    );
  }
}
