// The zoom buttons and the zoom level.

import { ZOOM_STEP } from './view.js';

export class ZoomBar {
  /** `changed` is called after each change of the view. */
  constructor(view, changed, find) {
    this.view = view;
    this.changed = changed;
    this.bar = find('zoom');
    this.level = find('zoom-level');
    this.out = find('zoom-out');
    this.out.onclick = () => this.by(1 / ZOOM_STEP);
    find('zoom-in').onclick = () => this.by(ZOOM_STEP);
    this.level.onclick = () => this.by(0);
  }

  /** Zooms by a factor; 0 shows the whole picture. */
  by(factor) {
    if (factor) this.view.zoomBy(factor);
    else this.view.reset();
    this.changed();
  }

  render() {
    const { zoom } = this.view;
    const text = `${Math.round(100 * zoom)} %`;
    this.level.textContent = text;
    this.level.setAttribute('aria-label', `Zoom ${text}: show the whole frame`);
    this.bar.dataset.zoom = zoom;
    this.out.disabled = zoom === 1;
  }
}
