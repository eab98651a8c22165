// Find everything on the current frame: the search, and what it found, to keep or to drop.
//
// What was found is shown like objects until it is kept or discarded. The two sliders decide about
// each of it, unless a click has decided already. Nothing changes on the server before that.

import { makeButton, showMeter } from '../core/elements.js';
import { stageText } from '../core/format.js';
import { postJson, postStream } from '../core/net.js';
import { areaOf, isSetAt } from '../core/rle.js';
import { remember, remembered } from '../core/storage.js';
import { Thumbnails } from './thumbnails.js';

const GRID_KEY = 'sam2-grid';
const DROPPED = [128, 128, 128];
const LEAST = { least_iou: 0.5, least_stability: 0.8 }; // less than that no slider brings back
const MAX_SENT = 900 * 1024; // characters of masks; the server's limit on a request is above it

export class Finding {
  /** `app` gives project, frame, cache, tools, editing, tracking, history, status and store. */
  constructor(app, find) {
    this.app = app;
    this.find = find;
    this.thumbnails = new Thumbnails(app.cache);
    this.running = null;
    find('find').onclick = () => this.start();
    find('find-stop').onclick = () => this.stop();
    find('found-keep').onclick = () => this.keep();
    find('found-discard').onclick = () => this.close();
    for (const id of ['found-size', 'found-confidence']) {
      find(id).oninput = () => app.store.touch('found');
    }
    const grid = find('find-grid');
    grid.value = remembered(GRID_KEY) || grid.value;
    if (!grid.value) grid.selectedIndex = 0; // remembered by an older version
    grid.onchange = () => remember(GRID_KEY, grid.value);
    this.found = null; // {frame, room, items: [{id, counts, iou, area, isKept}]}
    this.tool = new FoundTool(this);
  }

  clear() {
    if (this.running) this.running.abort();
    this.say('');
    this.close();
  }

  close() {
    this.found = null;
    this.thumbnails.clear();
    this.find('found-list').replaceChildren();
    this.app.store.touch('found');
  }

  async start() {
    const { project, frame, tracking, player, status, store } = this.app;
    if (this.running) return;
    if (tracking.running) {
      status.say('Masks are being propagated: stop the propagation first.');
      return;
    }
    player.stop();
    status.clear();
    status.endHint();
    this.close();
    const running = (this.running = new AbortController());
    this.done = 0;
    store.touch('found');
    this.say('Looking around', 0, 0);
    const grid = this.find('find-grid').value.split(',').map(Number);
    try {
      await this.app.editing.chain; // prompts in flight come first
      await postStream(
        `videos/${project.video.token}/find`,
        { frame, grid, ...LEAST },
        (report) => project === this.app.project && this.read(project, report),
        running.signal,
      );
    } catch (error) {
      if (project === this.app.project) {
        this.say('');
        status.fail(error);
      }
    } finally {
      if (this.running === running) this.running = null;
      store.touch('found');
    }
  }

  read(project, report) {
    if (!report.finished) {
      this.done = report.done || 0;
      this.say(
        report.stage === 'searching'
          ? `${report.done} of ${report.total} places looked at`
          : stageText(report),
        report.done || 0,
        report.total || 0,
      );
      return;
    }
    const known = project.objects.filter(({ isDraft }) => !isDraft);
    const first = 1 + Math.max(0, ...known.map(({ id }) => id));
    const items = report.found.map(([counts, iou], place) => ({
      id: first + place,
      counts,
      iou,
      area: areaOf(counts),
      isKept: null,
    }));
    const what = items.length ? '' : 'Nothing new was found on this frame';
    this.say(report.complete ? what : what || 'Stopped early');
    if (!items.length) return;
    this.found = { frame: report.frame, room: report.room, items };
    this.fill();
    this.app.store.touch('found');
  }

  /** Stops the search; what it has found by then is shown. */
  async stop() {
    const { project, status } = this.app;
    if (!this.running) return;
    if (!this.done) {
      this.running.abort();
      this.say('');
      return;
    }
    try {
      await postJson(`videos/${project.video.token}/stop`, {});
    } catch (error) {
      this.running.abort();
      status.fail(error);
    }
  }

  say(text, done = null, total = 0) {
    this.find('find-text').textContent = text;
    if (done === null) this.find('find-meter').hidden = true;
    else showMeter(this.find('find-meter'), done, total);
  }

  /** Returns the smallest share of the picture and the least IoU that the sliders ask for. */
  get limits() {
    const size = Number(this.find('found-size').value);
    const iou = Number(this.find('found-confidence').value);
    return { share: size ? 10 ** (size - 4) : 0, iou };
  }

  isKept({ isKept, area, iou }) {
    const { share, iou: least } = this.limits;
    const { width, height } = this.app.project.video;
    return isKept === null ? area >= share * width * height && iou >= least : isKept;
  }

  get kept() {
    return this.found.items.filter((item) => this.isKept(item)).slice(0, this.found.room);
  }

  toggle(item) {
    item.isKept = !this.isKept(item);
    this.app.store.touch('found');
  }

  /** Returns the smallest of what was found at a place of the frame, or undefined. */
  at(x, y) {
    if (!this.isShown) return undefined;
    const { height } = this.app.project.video;
    return this.found.items
      .filter(({ counts }) => isSetAt(counts, height, Math.floor(x), Math.floor(y)))
      .sort((one, other) => one.area - other.area)[0];
  }

  get isShown() {
    return this.found !== null && this.found.frame === this.app.frame;
  }

  /** Returns a frame's masks with what was found on it, the smallest on top. */
  over(masks, frame) {
    if (!this.found || this.found.frame !== frame) return masks;
    const items = [...this.found.items].sort((one, other) => one.area - other.area);
    const shown = [...items.filter((item) => this.isKept(item)), ...items];
    return new Map([...masks, ...shown.map((item) => [item.id, item])]);
  }

  /** Returns grey for what was found and is dropped; null for everything else. */
  colorOf(id) {
    const item = this.found && this.found.items.find((each) => each.id === id);
    return item && !this.isKept(item) ? DROPPED : null;
  }

  /** Adds what is kept as objects, a step that one undo takes back. */
  async keep() {
    const { project, editing, status, history } = this.app;
    const { frame } = this.found;
    const masks = this.kept.map(({ counts }) => counts);
    if (masks.join('').length > MAX_SENT) {
      status.say('These are too many detailed masks to be sent at once: drop some of them.');
      return;
    }
    const answer = await editing.send('add_found', () => ({ frame, masks }));
    if (!answer || project !== this.app.project) return;
    this.close();
    this.say('');
    project.promptsAreNewOn(frame);
    const count = `${masks.length} object${masks.length === 1 ? ' was' : 's were'} added`;
    const next = project.video.subject === 'image' ? '.' : ': propagate to track them.';
    status.propose(count + next, 'Undo', () => history.go('undo'));
  }

  fill() {
    const { project } = this.app;
    const { frame, items } = this.found;
    const pixels = project.video.width * project.video.height;
    this.find('found-list').replaceChildren(
      ...items.map((item, place) => {
        const share = `${((100 * item.area) / pixels).toPrecision(2)} %`;
        const label = `Keep ${place + 1}: IoU ${item.iou.toFixed(2)}, ${share} of the image`;
        const button = makeButton('s2-found-item', '', label, () => this.toggle(item));
        button.append(document.createElement('canvas'));
        item.button = button;
        return button;
      }),
    );
    for (const item of items) {
      this.thumbnails.draw(item.button.firstElementChild, project.video, frame, item);
    }
  }

  render() {
    const { find } = this;
    const { project, frame, tools } = this.app;
    const isNew = project.masksOn(frame).size > 0;
    find('find').textContent = isNew ? 'Find what is new here' : 'Find everything';
    find('find').hidden = find('find-grid').hidden = this.running !== null || this.found !== null;
    find('find-stop').hidden = this.running === null;
    find('found').hidden = this.found === null;
    tools.takeOver(this.isShown ? this.tool : null);
    if (!this.found) return;
    const { share, iou } = this.limits;
    const percent = 100 * share;
    find('found-size-text').textContent = share ? `${percent.toPrecision(1)} %` : 'any';
    find('found-confidence-text').textContent = iou.toFixed(2);
    const kept = new Set(this.kept);
    for (const item of this.found.items) {
      item.button.setAttribute('aria-pressed', kept.has(item));
      item.button.style.setProperty('--s2-color', `rgb(${this.app.colorOf(item.id)})`);
    }
    const where = this.isShown ? '' : ` on frame ${this.found.frame + 1}`;
    const count = `${this.found.items.length} found${where}, ${kept.size} kept.`;
    find('found-text').textContent = `${count} Click on one to keep or drop it.`;
    find('found-keep').textContent = `Keep ${kept.size}`;
    find('found-keep').disabled = kept.size === 0;
  }
}

/** While something found is on show, a click on it keeps or drops it. */
class FoundTool {
  constructor(finding) {
    this.finding = finding;
  }

  begin() {
    return {
      move: () => {},
      end: ({ x, y, far }) => {
        const item = !far && this.finding.at(x, y);
        if (item) this.finding.toggle(item);
      },
    };
  }

  hover({ x, y }) {
    this.finding.app.stage.canvas.style.cursor = this.finding.at(x, y) ? 'pointer' : '';
  }

  leave() {}
}
