// The annotator: the open video, the frame on show, and what buttons and keys do to both.

import { getJson } from '../core/net.js';
import { Project } from '../core/project.js';
import { Store } from '../core/store.js';
import { Desk } from '../project/desk.js';
import { listenToControls } from './controls.js';
import { fillHelp } from './help.js';
import { listenToKeys } from './keys.js';
import { subscribePanels } from './panels.js';
import { buildParts } from './parts.js';
import { promptBeside } from '../timeline/marks.js';

const PREFETCH_FRAMES = 12;
const MASKS_AT_ONCE = 150; // frames

/** The topics of the page's state, with their first values; null if the value lives elsewhere. */
const STATE = {
  project: null,
  frame: 0,
  sign: true, // whether clicks add to the object
  masksShown: true,
  playing: false,
  objects: null, // these four are the project's
  prompts: null,
  masks: null,
  steps: null,
  picture: null, // the current frame has loaded
  view: null, // zoom and pan
  gesture: null, // what is being pointed at, drawn or previewed
  tool: null,
  candidates: null,
  effects: null,
  found: null,
  range: null,
  cuts: null,
  run: null,
  live: null,
  comparison: null,
  look: null, // the page's size or its colours
};

export class App {
  /**
   * `settings` is what the server decides: `colors`, each with its name, `exports`, `effects`, and
   * whether it `isProject`.
   */
  constructor(element, settings) {
    this.element = element;
    this.settings = settings;
    this.store = new Store(STATE);
    this.heading = 1;
    this.find = (id) => element.querySelector(`[data-id="${id}"]`);
    buildParts(this);
    subscribePanels(this);
    listenToControls(this);
    listenToKeys(this);
    fillHelp(this.find('help-groups'));
    new ResizeObserver(() => this.store.touch('look')).observe(this.find('stage'));
    this.begin(settings.isProject).catch((error) => this.status.fail(error));
  }

  /** Shows what there is to do: the tasks of a project, or videos to open. */
  begin(isProject) {
    if (isProject) return new Desk(this).start();
    return this.opening.start((about) => this.model.offer(about));
  }

  get project() {
    return this.store.get('project');
  }

  get frame() {
    return this.store.get('frame');
  }

  get sign() {
    return this.store.get('sign');
  }

  get masksShown() {
    return this.store.get('masksShown');
  }

  colorOf(id) {
    const dropped = this.finding.colorOf(id);
    if (dropped) return dropped;
    const object = this.project && this.project.find(id);
    const { colors } = this.settings;
    return (object && object.color) || colors[(id - 1) % colors.length][1];
  }

  async open(video, hint = null) {
    this.leave();
    this.hint = hint;
    const project = new Project(video, (topic) => this.store.touch(topic));
    this.store.set('project', project);
    this.store.set('frame', 0);
    for (const part of [
      this.cache,
      this.stage,
      this.tools,
      this.hover,
      this.timeline,
      this.effects,
    ]) {
      part.open(project.video);
    }
    this.heading = 1;
    this.setView('work');
    window.scrollTo(0, 0);
    this.longVideo.open(project.video);
    this.showSubject(project.video.subject);
    this.downloads.open(project.video);
    this.find('file-name').textContent = this.find('file-name').title = video.name;
    this.model.show(video.model, video.source);
    if (video.warnings.length) this.status.say(video.warnings.join(' '));
    this.show(0);
    if (!video.prompts.length) return;
    await this.readMasks(project);
    if (this.project && this.project.masks.size > 1) this.review.refresh(); // they were propagated
  }

  /** Loads the video's masks in chunks, so that the page stays responsive. */
  async readMasks(project) {
    const { token, frames } = project.video;
    for (let first = 0; first < frames; first += MASKS_AT_ONCE) {
      const last = Math.min(frames, first + MASKS_AT_ONCE) - 1;
      const answer = await getJson(`videos/${token}/masks?first=${first}&last=${last}`);
      if (project !== this.project) return;
      project.read(answer);
    }
  }

  leave() {
    this.live.leave();
    this.player.stop();
    this.tracking.clear();
    this.timeline.scenes.clear();
    this.comparison.clear();
    this.review.clear();
    this.downloads.clear();
    this.longVideo.clear();
    this.objects.clear();
    this.finding.clear();
    this.store.set('project', null);
    this.cache.clear();
    delete this.find('canvas').dataset.frame;
    this.setView('start');
    this.opening.choose(this.opening.subject);
  }

  /** An image is a video of one frame: controls for moving through frames are hidden. */
  showSubject(subject) {
    this.element.querySelector('.s2').dataset.subject = subject;
    this.find('reopen').textContent = `Open another ${subject}`;
  }

  setView(view) {
    this.element.querySelector('.s2').dataset.view = view;
    this.find('start').hidden = view !== 'start';
    this.find('work').hidden = view !== 'work';
    this.find('reopen').hidden = view !== 'work';
  }

  /** Shows a frame and fetches those needed next. */
  show(frame, playing = false) {
    this.heading = frame < this.frame ? -1 : 1;
    this.store.set('frame', frame);
    this.cache.want(frame, this.heading * (playing ? PREFETCH_FRAMES : PREFETCH_FRAMES / 3));
    this.showBusy();
  }

  seek(frame) {
    this.player.stop();
    this.tracking.follow = false;
    this.show(Math.max(0, Math.min(this.project.video.frames - 1, frame)));
  }

  goTo(frame, object) {
    this.choose(object);
    this.seek(frame);
  }

  /** Goes to the next prompt, or the previous one if `step` is -1. */
  stepToPrompt(step) {
    const prompt = promptBeside(this.project, this.frame, step);
    if (prompt) this.goTo(prompt.frame, prompt.object);
    else this.status.say(`There is no prompt ${step < 0 ? 'before' : 'after'} this frame.`);
  }

  /** Makes the current frame the in point ("first") or the out point ("last"). */
  setEdge(name) {
    this.timeline.range.set(name, this.frame);
  }

  step(count) {
    if (this.project) this.seek(this.frame + count);
  }

  togglePlay() {
    if (this.player.playing) this.player.stop();
    else {
      this.tracking.follow = false;
      this.player.start(this.project.video.frame_times_s, this.frame);
    }
  }

  onPicture(index, error) {
    if (index !== this.frame) return;
    if (error) this.status.fail(error);
    this.showBusy();
    this.store.touch('picture');
  }

  setSign(positive) {
    this.store.set('sign', positive);
  }

  toggleSign() {
    this.setSign(!this.sign);
  }

  toggleMasks() {
    this.store.set('masksShown', !this.masksShown);
  }

  /** Stays on the current frame, which is about to be worked on. */
  halt() {
    this.player.stop();
    this.tracking.follow = false;
  }

  /** Shows the masks, one of which is about to be drawn on. */
  showMasks() {
    this.store.set('masksShown', true);
  }

  choose(id) {
    this.project.choose(id);
  }

  /** Selects the object above (-1) or below (1) in the list. */
  chooseBeside(step) {
    const { objects, active } = this.project;
    const place = objects.findIndex(({ id }) => id === active) + step;
    if (objects[place]) this.choose(objects[place].id);
  }

  chooseByPlace(place) {
    const object = this.project.objects[place];
    if (object) this.choose(object.id);
  }

  newObject() {
    if (this.settings.isProject) this.status.say('A task is about one object: submit it first.');
    else this.project.newObject();
  }

  openHelp() {
    this.find('help-dialog').showModal();
  }

  /** Announces something to screen readers. */
  announce(text) {
    this.find('announcer').textContent = text;
  }

  /** Shows that something is being waited for, if it takes longer than a moment. */
  showBusy() {
    clearTimeout(this.busyTimer);
    const isMissing = this.project && !this.cache.get(this.frame);
    const busy = this.find('busy');
    if (!isMissing && !this.editing.waiting) busy.hidden = true;
    else {
      this.busyTimer = setTimeout(() => {
        busy.textContent = isMissing ? `Fetching frame ${this.frame + 1}` : 'Working';
        busy.hidden = false;
      }, 250);
    }
  }
}
