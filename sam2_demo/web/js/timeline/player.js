// Playback: which frame is due, by the video's own frame times.

export class Player {
  /** `show(frame)` displays a frame; `isReady(frame)` returns whether it has loaded. */
  constructor(show, isReady, onChange) {
    this.show = show;
    this.isReady = isReady;
    this.onChange = onChange;
    this.playing = false;
  }

  start(times, frame) {
    const last = times.length - 1;
    if (last < 1) return;
    this.times = times;
    this.frame = frame >= last ? 0 : frame;
    this.playing = true;
    this.rebase();
    this.show(this.frame);
    this.onChange(true);
    requestAnimationFrame(() => this.tick());
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.onChange(false);
  }

  rebase() {
    this.began = performance.now() - this.times[this.frame] * 1000;
  }

  tick() {
    if (!this.playing) return;
    const now = (performance.now() - this.began) / 1000;
    let due = this.frame;
    while (due + 1 < this.times.length && this.times[due + 1] <= now) due++;
    if (due > this.frame) {
      // Wait for a late frame rather than skip ahead of it.
      const next = this.isReady(due) ? due : this.frame + 1;
      if (this.isReady(next)) this.frame = next;
      if (next !== due || !this.isReady(due)) this.rebase();
      this.show(this.frame);
    }
    if (this.frame >= this.times.length - 1) this.stop();
    else requestAnimationFrame(() => this.tick());
  }
}
