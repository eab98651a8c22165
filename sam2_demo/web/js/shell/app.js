// The annotator: builds the parts and passes what happens in one to the others.

import { FrameCache } from '../canvas/frame_cache.js';
import { Stage } from '../canvas/stage.js';
import { ZoomBar } from '../canvas/zoom_bar.js';
import { formatTime } from '../core/format.js';
import { getJson } from '../core/net.js';
import { Project } from '../core/project.js';
import { EffectMenu } from '../effects/menu.js';
import { Downloads } from '../files/downloads.js';
import { Opening } from '../files/opening.js';
import { SessionFile } from '../files/session_file.js';
import { ObjectActions } from '../objects/actions.js';
import { ObjectList } from '../objects/list.js';
import { Comparison } from '../runs/comparison.js';
import { History } from '../runs/history.js';
import { Review } from '../runs/review.js';
import { Tracking } from '../runs/tracking.js';
import { Connection } from './connection.js';
import { Effort } from './effort.js';
import { fillHelp } from './help.js';
import { listenToKeys } from './keys.js';
import { ModelChoice } from './model_choice.js';
import { Status } from './status.js';
import { Tips } from './tips.js';
import { FrameJump } from '../timeline/frame_jump.js';
import { promptBeside } from '../timeline/marks.js';
import { Player } from '../timeline/player.js';
import { Timeline } from '../timeline/timeline.js';
import { Candidates } from '../tools/candidates.js';
import { Editing } from '../tools/editing.js';
import { Hover } from '../tools/hover.js';
import { KeyPointer } from '../tools/key_pointer.js';
import { MaskPicture } from '../tools/mask_picture.js';
import { Tools } from '../tools/tools.js';

const PREFETCH_FRAMES = 12;
const MASKS_AT_ONCE = 150; // frames
const PLAY_SHAPE = 'M6 4v12l10-6z';
const PAUSE_SHAPE = 'M5 4h3.5v12H5zM11.5 4H15v12h-3.5z';

export class App {
  constructor(element, settings) {
    this.element = element;
    this.settings = settings;
    this.project = null;
    this.frame = 0;
    this.sign = true;
    this.masksShown = true;
    this.heading = 1;
    const find = (this.find = (id) => element.querySelector(`[data-id="${id}"]`));
    const colorOf = (id) => this.colorOf(id);
    this.status = new Status(find);
    this.cache = new FrameCache((index, error) => this.onPicture(index, error));
    this.player = new Player(
      (frame) => this.show(frame, true),
      (frame) => Boolean(this.cache.get(frame)),
      (playing) => this.showPlaying(playing),
    );
    this.editing = new Editing(this);
    this.actions = new ObjectActions(this);
    this.history = new History(this, find);
    this.objects = new ObjectList(this, find('objects'), find('object-menu'));
    this.tracking = new Tracking(this, find);
    this.effects = new EffectMenu(this, find);
    this.downloads = new Downloads(this, find);
    this.effort = new Effort(this, find);
    this.sessionFile = new SessionFile(this, find);
    this.tips = new Tips(find);
    this.timeline = new Timeline(find, colorOf, (object) => this.project.nameOf(object), {
      seek: (frame) => this.seek(frame),
      goTo: (frame, object) => this.goTo(frame, object),
      redraw: () => this.render(),
    });
    this.comparison = new Comparison(this, find);
    this.review = new Review(this, find);
    this.stage = new Stage(find('stage'), find('canvas'), colorOf, {
      tool: () => this.tools.current,
      ready: () => this.project !== null && Boolean(this.cache.get(this.frame)),
      halt: () => this.halt(),
      redraw: () => this.render(),
    });
    this.zoom = new ZoomBar(this, find);
    this.tools = new Tools(this, find);
    this.hover = new Hover(this, find('preview'));
    this.candidates = new Candidates(this, find('candidates'));
    this.maskPicture = new MaskPicture(this, find('mask-picture'), find('mask-file'));
    this.opening = new Opening(
      find,
      this.status,
      (video, hint) => this.open(video, hint),
      (file) => this.sessionFile.begin(file),
    );
    this.model = new ModelChoice(this, find);
    this.connection = new Connection(this);
    this.frameJump = new FrameJump(this, find);
    this.keyPointer = new KeyPointer(this, find('cross'));
    this.listen();
    listenToKeys(this);
    fillHelp(find('help-groups'));
    new ResizeObserver(() => this.render()).observe(find('stage'));
    this.opening
      .start((name) => {
        this.model.name = name;
      })
      .catch((error) => this.status.fail(error));
  }

  listen() {
    const { find } = this;
    find('previous').onclick = () => this.step(-1);
    find('next').onclick = () => this.step(1);
    find('play').onclick = () => this.togglePlay();
    find('clear-frame').onclick = () => this.editing.clearFrame();
    find('set-in').onclick = () => this.setEdge('first');
    find('set-out').onclick = () => this.setEdge('last');
    find('box-delete').onclick = () => this.editing.deleteBox();
    find('candidates-close').onclick = () => this.candidates.hide();
    find('show-masks').onclick = () => this.toggleMasks();
    find('sign-plus').onclick = () => this.setSign(true);
    find('sign-minus').onclick = () => this.setSign(false);
    find('add-object').onclick = () => this.newObject();
    find('start-over').onclick = () => this.actions.startOver();
    find('help').onclick = () => this.openHelp();
    find('reopen').onclick = () => this.leave();
    find('help-dialog').onclick = (event) => {
      if (event.target === find('help-dialog')) find('help-dialog').close();
    };
    this.element.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (button && event.detail > 0) button.blur(); // else space would press it again
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.render());
  }

  colorOf(id) {
    const object = this.project && this.project.find(id);
    const { colors } = this.settings;
    return (object && object.color) || colors[(id - 1) % colors.length][1];
  }

  async open(video, hint = null) {
    this.leave();
    this.hint = hint;
    this.project = new Project(video);
    this.cache.open(this.project.video);
    this.stage.open(this.project.video);
    this.tools.open(this.project.video);
    this.hover.open(this.project.video);
    this.timeline.open(this.project.video);
    this.effects.open(this.project.video);
    this.frame = 0;
    this.heading = 1;
    this.setView('work');
    window.scrollTo(0, 0);
    this.showSubject(this.project.video.subject);
    this.find('file-name').textContent = this.find('file-name').title = video.name;
    this.model.show(video.model, video.source);
    if (video.warnings.length) this.status.say(video.warnings.join(' '));
    this.show(0);
    if (!video.prompts.length) return;
    await this.readMasks(this.project);
    if (this.project && this.project.masks.size > 1) this.review.refresh(); // they were propagated
  }

  /** Takes in the masks that are there, a part of the video at a time: the page stays quick. */
  async readMasks(project) {
    const { token, frames } = project.video;
    for (let first = 0; first < frames; first += MASKS_AT_ONCE) {
      const last = Math.min(frames, first + MASKS_AT_ONCE) - 1;
      const answer = await getJson(`videos/${token}/masks?first=${first}&last=${last}`);
      if (project !== this.project) return;
      project.read(answer);
      this.render();
    }
  }

  leave() {
    this.player.stop();
    this.tracking.clear();
    this.timeline.scenes.clear();
    this.comparison.clear();
    this.review.clear();
    this.downloads.clear();
    this.objects.clear();
    this.project = null;
    this.cache.clear();
    delete this.find('canvas').dataset.frame;
    this.setView('start');
    this.opening.choose(this.opening.subject);
  }

  /** An image is a video of one frame: what moves through frames is hidden. */
  showSubject(subject) {
    this.element.querySelector('.s2').dataset.subject = subject;
    this.find('reopen').textContent = `Open another ${subject === 'image' ? 'picture' : 'video'}`;
    this.downloads.open(subject);
  }

  setView(view) {
    this.element.querySelector('.s2').dataset.view = view;
    this.find('start').hidden = view !== 'start';
    this.find('work').hidden = view !== 'work';
    this.find('reopen').hidden = view !== 'work';
  }

  /** Puts a frame on show and fetches those that will be needed next. */
  show(frame, playing = false) {
    this.heading = frame < this.frame ? -1 : 1;
    this.frame = frame;
    this.cache.want(frame, this.heading * (playing ? PREFETCH_FRAMES : PREFETCH_FRAMES / 3));
    this.showBusy();
    this.render();
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

  /** Goes to the next prompt, to the one before where `step` is -1. */
  stepToPrompt(step) {
    const prompt = promptBeside(this.project, this.frame, step);
    if (prompt) this.goTo(prompt.frame, prompt.object);
    else this.status.say(`There is no prompt ${step < 0 ? 'before' : 'after'} this frame.`);
  }

  /** Makes the frame on show the in point ("first") or the out point ("last"). */
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
    this.render();
  }

  setSign(positive) {
    this.sign = positive;
    this.render();
  }

  toggleSign() {
    this.setSign(!this.sign);
  }

  toggleMasks() {
    this.masksShown = !this.masksShown;
    this.render();
  }

  /** Whoever points at a frame wants it to stay. */
  halt() {
    this.player.stop();
    this.tracking.follow = false;
  }

  /** Whoever draws on a mask wants to see it. */
  showMasks() {
    this.masksShown = true;
  }

  choose(id) {
    if (this.project.active === id || !this.project.find(id)) return;
    this.project.active = id;
    this.render();
  }

  /** Chooses the object above (-1) or below (1) in the list. */
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
    this.project.newObject();
    this.render();
  }

  openHelp() {
    this.find('help-dialog').showModal();
  }

  /** Tells people who listen to the page instead of looking at it. */
  announce(text) {
    this.find('announcer').textContent = text;
  }

  isTyping(target) {
    return (
      target.closest &&
      Boolean(target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]'))
    );
  }

  showPlaying(playing) {
    this.find('play').setAttribute('aria-label', playing ? 'Pause' : 'Play');
    this.find('play-shape').setAttribute('d', playing ? PAUSE_SHAPE : PLAY_SHAPE);
  }

  /** Says so when an answer, or the picture of the frame, takes longer than a moment. */
  showBusy() {
    clearTimeout(this.busyTimer);
    const isMissing = this.project && !this.cache.get(this.frame);
    const busy = this.find('busy');
    if (!isMissing && !this.editing.waiting) busy.hidden = true;
    else {
      this.busyTimer = setTimeout(() => {
        busy.textContent = isMissing ? `Fetching frame ${this.frame + 1}` : 'Thinking';
        busy.hidden = false;
      }, 250);
    }
  }

  render() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      if (this.project) this.draw();
    });
  }

  draw() {
    const { project, frame, find } = this;
    const { frames, frame_times_s: times } = project.video;
    const picture = this.cache.get(frame);
    if (picture) {
      // until it is there, the frame before stays on show
      this.stage.draw(
        this.effects.applied(
          {
            picture,
            masks: this.masksShown
              ? this.hover.over(
                  project.shown(this.comparison.oldMasksOn(frame) || project.masksOn(frame)),
                  frame,
                )
              : new Map(),
            frame,
            prompts: this.player.playing ? [] : project.shownPromptsOn(frame),
            active: project.active,
            holds: this.tools.isPointing && !this.player.playing,
            preview: this.hover,
          },
          frame,
          this.masksShown,
        ),
      );
      find('canvas').dataset.frame = frame;
    }
    const label = `Frame ${frame + 1} of ${frames}`;
    this.timeline.draw(project, frame, label);
    this.objects.render();
    this.history.render();
    this.tracking.render();
    this.comparison.render();
    this.downloads.render(project, this.timeline.range);
    this.effort.render(project);
    find('clock').textContent = `${formatTime(times[frame])} / ${formatTime(times[frames - 1])}`;
    find('frame-note').textContent = label;
    find('sign-plus').setAttribute('aria-checked', this.sign);
    find('sign-minus').setAttribute('aria-checked', !this.sign);
    find('show-masks').setAttribute('aria-pressed', this.masksShown);
    this.tools.render();
    this.candidates.render();
    this.zoom.render();
    this.drawTarget();
    this.tips.show(project, Boolean(this.tracking.running));
    find('canvas').classList.toggle('s2-locked', project.find(project.active).locked);
  }

  /** Rings the place of a good first click on a sample, until there is a prompt. */
  drawTarget() {
    const target = this.find('target');
    const { prompts } = this.project;
    target.hidden = !this.hint || this.hint[0] !== this.frame || prompts.size > 0;
    if (target.hidden) return;
    const canvas = this.find('canvas');
    const place = this.stage.view.toCanvas(this.hint[1], this.hint[2]);
    target.style.left = `${canvas.offsetLeft + place.x}px`;
    target.style.top = `${canvas.offsetTop + place.y}px`;
  }
}
