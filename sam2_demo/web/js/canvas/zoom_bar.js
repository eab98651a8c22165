// The zoom buttons and the zoom level.

import { ZOOM_STEP } from './view.js';

export class ZoomBar {
  constructor(app, find) {
    this.app = app;
    this.bar = find('zoom');
    this.level = find('zoom-level');
    this.out = find('zoom-out');
    this.out.onclick = () => this.by(1 / ZOOM_STEP);
    find('zoom-in').onclick = () => this.by(ZOOM_STEP);
    this.level.onclick = () => this.by(0);
  }

  /** Zooms by a factor; 0 shows the whole picture. */
  by(factor) {
    const { view } = this.app.stage;
    if (factor) view.zoomBy(factor);
    else view.reset();
    this.app.store.touch('view');
  }

  render() {
    const { zoom } = this.app.stage.view;
    const text = `${Math.round(100 * zoom)} %`;
    this.level.textContent = text;
    this.level.setAttribute('aria-label', `Zoom ${text}: show the whole frame`);
    this.bar.dataset.zoom = zoom;
    this.out.disabled = zoom === 1;
  }
}
