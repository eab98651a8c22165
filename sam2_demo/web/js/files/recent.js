// The videos that were open in this tab.

import { thumbnailAddress } from '../core/net.js';
import { keep, kept, keptJson } from '../core/storage.js';
import { makeCard } from './card.js';

const TOKEN_KEY = 'sam2-video';
const RECENT_KEY = 'sam2-recent';
const MAX_RECENT = 4;

/** Errors that mean a video is no longer open. */
export const GONE = ['SESSION_CLOSED', 'UNKNOWN_SESSION'];

export class Recent {
  /** `onChoose(token)` opens a video again. */
  constructor(find, onChoose) {
    this.section = find('recent');
    this.list = find('recent-list');
    this.onChoose = onChoose;
    this.videos = keptJson(RECENT_KEY) || [];
  }

  /** The video to return to after a reload of the page; null if there is none. */
  get current() {
    return kept(TOKEN_KEY);
  }

  /** Puts the current video first. */
  note({ token, name, frame_times_s: times }) {
    const others = this.videos.filter((video) => video.token !== token);
    this.videos = [{ token, name, frames: times.length }, ...others].slice(0, MAX_RECENT);
    this.store(token);
  }

  forget(token) {
    this.videos = this.videos.filter((video) => video.token !== token);
    this.store(null);
  }

  store(token) {
    keep(RECENT_KEY, JSON.stringify(this.videos));
    keep(TOKEN_KEY, token);
    this.render();
  }

  render() {
    this.section.hidden = this.videos.length === 0;
    this.list.replaceChildren(
      ...this.videos.map(({ token, name, frames }) =>
        makeCard({
          title: name,
          note: frames === 1 ? 'image' : `${frames} frames`,
          poster: thumbnailAddress({ token }, 0),
          onclick: () => this.onChoose(token),
        }),
      ),
    );
  }
}
