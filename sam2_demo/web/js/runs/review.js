// The review queue: flagged frames, the worst first, each with its reason.

import { makeButton, showMeter } from '../core/elements.js';
import { stageText } from '../core/format.js';
import { getJson, postJson, postStream } from '../core/net.js';

const REASONS = {
  low_score: 'low confidence',
  area_jump: 'sudden change in size',
  center_jump: 'sudden change in position',
  merged: 'lies inside another object',
  scene_cut: 'tracked across a scene cut',
  disagreement: 'the two directions disagree',
};

const ROWS_AT_MOST = 60;

export class Review {
  /** `app` gives project, goTo, tracking, editing and status. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    find('review-next').onclick = () => this.next();
    find('review-check').onclick = () => this.check();
    find('review-stop').onclick = () => this.checking.abort();
    this.clear();
  }

  clear() {
    if (this.checking) this.checking.abort();
    this.checking = null;
    this.current = null;
    this.visited = new Set();
    this.read({ doubts: [], count: 0 });
    this.find('review-count').textContent = '';
    this.say('');
  }

  read({ doubts, count }) {
    this.doubts = doubts.map(([frame, object, reason, severity, first, last, key]) => ({
      frame,
      object,
      reason,
      severity,
      first,
      last,
      key,
    }));
    this.find('review-count').textContent = count ? `${count} left` : 'nothing flagged';
    this.renderList();
  }

  say(text) {
    this.find('review-text').textContent = text;
    if (!text) this.find('review-meter').hidden = true;
  }

  /** Fetches the queue as it is now; returns whether that worked. */
  async refresh() {
    const { project, editing } = this.app;
    await editing.chain; // corrections in flight come first
    try {
      const answer = await getJson(`videos/${project.video.token}/review`);
      if (project !== this.app.project) return false;
      this.read(answer);
      return true;
    } catch (error) {
      if (project === this.app.project) this.app.status.fail(error);
      return false;
    }
  }

  /** Goes to the worst entry not visited yet; after the last one it starts over. */
  async next() {
    if (!(await this.refresh())) return;
    if (!this.doubts.length) {
      this.app.status.say(
        this.app.project.masks.size
          ? 'No frame is flagged. A cross-check may find more.'
          : 'There are no masks to review yet: click an object, then propagate.',
      );
      return;
    }
    let doubt = this.doubts.find(({ key }) => !this.visited.has(key));
    if (!doubt) {
      this.visited.clear();
      [doubt] = this.doubts;
    }
    this.visit(doubt);
  }

  visit(doubt) {
    this.current = doubt;
    this.visited.add(doubt.key);
    this.app.goTo(doubt.frame, doubt.object);
    this.renderList();
  }

  /** Marks a mask as right, which removes it from the queue until it changes. */
  async looksRight(doubt = this.current) {
    const { project } = this.app;
    if (!doubt) return;
    try {
      const left = await postJson(`videos/${project.video.token}/dismiss`, { key: doubt.key });
      if (project !== this.app.project) return;
      if (this.current && this.current.key === doubt.key) this.current = null;
      this.read(left);
    } catch (error) {
      this.app.status.fail(error);
    }
  }

  /** Tracks every object in the opposite direction as well, without changing a mask. */
  async check() {
    const { project, status } = this.app;
    if (this.checking || this.app.tracking.running) return;
    const checking = (this.checking = new AbortController());
    this.renderCheck();
    try {
      await postStream(
        `videos/${project.video.token}/check`,
        {},
        (report) => {
          if (project !== this.app.project) return;
          if (report.finished) {
            this.read(report);
            this.say(`Both directions compared on ${report.done} frames.`);
          } else {
            showMeter(this.find('review-meter'), report.done || 0, report.total || 0);
            this.say(
              report.stage === 'checking'
                ? `Comparing both directions: ${report.done} / ${report.total}`
                : stageText(report),
            );
          }
        },
        checking.signal,
      );
    } catch (error) {
      this.say('');
      if (project === this.app.project) status.fail(error);
    } finally {
      if (this.checking === checking) this.checking = null;
      this.find('review-meter').hidden = true;
      this.renderCheck();
    }
  }

  renderCheck() {
    this.find('review-check').hidden = this.checking !== null;
    this.find('review-stop').hidden = this.checking === null;
  }

  renderList() {
    const { project } = this.app;
    this.find('review-list').replaceChildren(
      ...this.doubts.slice(0, ROWS_AT_MOST).map((doubt) => this.row(project, doubt)),
    );
  }

  row(project, doubt) {
    const item = document.createElement('li');
    const { frame, first, last } = doubt;
    const object = project.objects.find(({ id }) => id === doubt.object);
    const name = object ? project.nameOf(object) : `Object ${doubt.object}`;
    const range = last > first ? ` (${first + 1}–${last + 1})` : '';
    const go = makeButton('s2-doubt', '', `Go to frame ${frame + 1}`, () => this.visit(doubt));
    const place = document.createElement('b');
    const reason = document.createElement('small');
    place.textContent = `Frame ${frame + 1}${range} · ${name}`;
    reason.textContent = REASONS[doubt.reason];
    go.removeAttribute('aria-label'); // its text says more
    go.append(place, reason);
    const fine = makeButton('s2-link', '✓', `Looks right: ${name} on frame ${frame + 1}`, () =>
      this.looksRight(doubt),
    );
    if (this.current && this.current.key === doubt.key) item.setAttribute('aria-current', 'true');
    item.append(go, fine);
    return item;
  }
}
