// Decoded frames around the current one, within a memory budget.

import { fetchOrRefuse } from '../core/net.js';

const CACHE_BYTES = 200 * 1024 * 1024;
const LOADING_AT_MOST = 3; // a browser opens six connections; clicks need some of them
const MAX_PICTURE_SIDE = 1920;
const RETRY_MS = 2000;

export class FrameCache {
  /** `onReady(index, error)` is called when a frame has loaded, or failed to. */
  constructor(onReady) {
    this.onReady = onReady;
    this.clear();
  }

  clear() {
    for (const picture of (this.pictures || new Map()).values()) picture.close();
    this.pictures = new Map();
    this.loading = new Set();
    this.wanted = [];
    this.video = null;
  }

  open(video) {
    this.clear();
    this.video = video;
    const shrink = Math.min(1, MAX_PICTURE_SIDE / Math.max(video.width, video.height));
    this.width = Math.max(1, Math.round(video.width * shrink));
    this.height = Math.max(1, Math.round(video.height * shrink));
    this.capacity = Math.max(8, Math.floor(CACHE_BYTES / (this.width * this.height * 4)));
  }

  get(index) {
    return this.pictures.get(index);
  }

  /** Adds a frame that need not be fetched. */
  put(index, picture) {
    this.pictures.set(index, picture);
    this.center = index;
    this.evict();
    this.onReady(index, null);
  }

  /** Loads a frame, then `ahead` frames after it (before it if negative). */
  want(index, ahead) {
    const last = this.video.frames - 1;
    const count = Math.min(Math.abs(ahead), Math.floor(this.capacity / 2));
    this.center = index;
    this.wanted = [index];
    for (let step = 1; step <= count; step++) {
      const next = index + Math.sign(ahead) * step;
      if (next >= 0 && next <= last) this.wanted.push(next);
    }
    this.loadNext();
  }

  loadNext() {
    const missing = this.wanted.filter((i) => !this.pictures.has(i) && !this.loading.has(i));
    for (const index of missing) {
      if (this.loading.size >= LOADING_AT_MOST) return;
      this.load(index);
    }
  }

  async load(index) {
    const video = this.video;
    this.loading.add(index);
    try {
      const response = await fetchOrRefuse(`videos/${video.token}/frames/${index}.jpg`, {});
      const size = { resizeWidth: this.width, resizeHeight: this.height };
      const picture = await createImageBitmap(await response.blob(), size);
      if (video !== this.video) {
        picture.close();
        return;
      }
      this.pictures.set(index, picture);
      this.evict();
      this.onReady(index, null);
    } catch (error) {
      if (video === this.video) {
        this.wanted = this.wanted.filter((other) => other !== index);
        if (index === this.center) this.tryAgain(index);
        this.onReady(index, error);
      }
    } finally {
      if (video === this.video) {
        this.loading.delete(index);
        this.loadNext();
      }
    }
  }

  /** Retries the current frame until it loads: nothing works without it. */
  tryAgain(index) {
    const { video } = this;
    setTimeout(() => {
      if (video === this.video && index === this.center) this.want(index, 0);
    }, RETRY_MS);
  }

  evict() {
    if (this.pictures.size <= this.capacity) return;
    const far = [...this.pictures.keys()].reduce((worst, index) =>
      Math.abs(index - this.center) > Math.abs(worst - this.center) ? index : worst,
    );
    this.pictures.get(far).close();
    this.pictures.delete(far);
  }
}
