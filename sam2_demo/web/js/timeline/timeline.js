// The timeline: ruler, thumbnails, lanes and the playhead.

import { Axis } from './axis.js';
import { Filmstrip } from './filmstrip.js';
import { LANE, Lanes } from './lanes.js';
import { PromptMarks } from './marks.js';
import { FrameRange } from './range.js';
import { Scenes } from './scenes.js';

export class Timeline {
  /** `act` has seek(frame), goTo(frame, object) and changed(topic). */
  constructor(find, colorOf, nameOf, act) {
    this.box = find('timeline');
    this.playhead = find('playhead');
    this.layer = find('marks');
    this.act = act;
    this.film = new Filmstrip(find('ruler'), find('film'));
    this.lanes = new Lanes(find('lanes'), find('lanes-canvas'), colorOf, nameOf);
    this.marks = new PromptMarks(this.layer, colorOf, act.goTo);
    this.range = new FrameRange(find, () => act.changed('range'));
    this.scenes = new Scenes(find('cuts'), () => act.changed('cuts'), act.seek);
    this.listen(find('lanes'));
  }

  open(video) {
    this.film.clear();
    this.marks.clear();
    this.lanes.open(video);
    this.range.open(video);
    if (!video.live) this.scenes.open(video);
  }

  listen(scroller) {
    let dragging = false;
    const seek = (event) => this.act.seek(this.frameAt(event.clientX));
    this.box.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || event.target.closest('button, [data-edge]')) return;
      if (event.offsetX > scroller.clientWidth && event.target === scroller) return; // scroll bar
      dragging = true;
      this.box.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.box.addEventListener('pointermove', (event) => dragging && seek(event));
    for (const end of ['pointerup', 'pointercancel']) {
      this.box.addEventListener(end, () => {
        dragging = false;
      });
    }
    scroller.addEventListener('pointermove', (event) => {
      scroller.title = this.lanes.describe(
        this.lanes.laneAt(event.clientY),
        this.frameAt(event.clientX),
      );
    });
  }

  frameAt(clientX) {
    return this.axis.frameAt(clientX - this.box.getBoundingClientRect().left);
  }

  draw(project, frame, label) {
    const width = this.box.clientWidth;
    const { frames } = project.video;
    if (!width) return;
    if (!this.axis || this.axis.frames !== frames || this.width !== width) {
      this.axis = new Axis(width, frames);
      this.width = width;
    }
    this.layer.style.height = `${this.lanes.top(project.objects.length)}px`;
    this.film.draw(project.video, this.axis, width);
    this.lanes.draw(project, this.axis, width);
    this.marks.draw(project, this.axis, (lane) => this.lanes.top(lane) + LANE / 2);
    this.range.draw(this.axis);
    this.scenes.draw(this.axis);
    this.playhead.style.transform = `translateX(${this.axis.middle(frame)}px)`;
    this.playhead.setAttribute('aria-valuemax', frames);
    this.playhead.setAttribute('aria-valuenow', frame + 1);
    this.playhead.setAttribute('aria-valuetext', label);
  }
}
