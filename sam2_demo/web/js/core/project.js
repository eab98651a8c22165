// What is known about the open video: objects, prompts, masks. No drawing, no network.

import { PLAIN_EDGE, edgedMask } from './edges.js';
import { isEmptyPrompt } from './prompts.js';
import { areaOf } from './rle.js';

export class Project {
  /** `onChange(topic)` is called when objects, prompts, masks or steps change. */
  constructor(video, onChange = () => {}) {
    this.onChange = onChange;
    const frames = video.frame_times_s.length;
    const subject = frames === 1 && !video.live ? 'image' : 'video';
    this.video = { ...video, frames, subject };
    this.objects = []; // {id, name, color, visible, locked, edge, isDraft}, the first on top
    this.edged = new WeakMap(); // mask -> its edge as it was chosen, and the mask with that edge
    this.born = new Set(); // objects created on this page
    this.prompts = new Map(); // "object:frame" -> {object, frame, points, box, mask, candidate}
    this.masks = new Map(); // frame -> Map(object -> {counts, iou, score})
    this.drawn = new Map(); // "object:frame" -> a drawn mask whose answer is on its way
    this.frameSequence = new Map();
    this.promptSequence = 0;
    this.objectSequence = 0;
    this.stepSequence = 0;
    this.steps = { undo: video.undo, redo: video.redo };
    this.sinceRun = new Set(); // frames prompted since the last propagation
    this.nextId = video.next_object || 1; // ids of removed objects are not used again
    this.active = 0;
    this.readObjects(video.objects, 0);
    this.readPrompts(video.prompts, 0);
    this.promptsAreNew();
  }

  find(id) {
    return this.objects.find((object) => object.id === id);
  }

  /** Adds a frame at the end of a video that is being recorded. */
  grow(time) {
    this.video.frame_times_s.push(time);
    this.video.frames = this.video.frame_times_s.length;
  }

  /** Adds an object; the server learns of it with its first prompt. */
  newObject() {
    const id = this.nextId++;
    this.born.add(id);
    this.addDraft(id);
    this.active = id;
    this.onChange('objects');
  }

  /** Makes an object the active one, which prompts go to; returns whether that is a change. */
  choose(id) {
    if (this.active === id || !this.find(id)) return false;
    this.active = id;
    this.onChange('objects');
    return true;
  }

  /** Changes some of an object's settings. */
  change(id, changes) {
    Object.assign(this.find(id), changes);
    this.onChange('objects');
  }

  /** A new object comes after those with smaller ids, as on the server. */
  addDraft(id) {
    const place = this.objects.reduce((last, other, at) => (other.id < id ? at + 1 : last), 0);
    this.objects.splice(place, 0, {
      id,
      name: '',
      color: null,
      visible: true,
      locked: false,
      edge: PLAIN_EDGE,
      isDraft: true,
    });
  }

  dropObject(id) {
    const place = this.objects.findIndex((object) => object.id === id);
    this.born.delete(id);
    this.objects = this.objects.filter((object) => object.id !== id);
    this.chooseBeside(place);
    this.onChange('objects');
  }

  /** Keeps locked objects only, and adds a new one numbered after them. */
  startOver() {
    this.objects = this.objects.filter(({ locked }) => locked);
    this.born.clear();
    this.nextId = 1 + Math.max(0, ...this.objects.map(({ id }) => id));
    this.newObject();
  }

  /**
   * Replaces the objects by the server's. One that the server does not know is kept if it was
   * never sent, or if it was undone while it was the active one.
   */
  readObjects(rows, sequence) {
    if (sequence < this.objectSequence) return;
    this.objectSequence = sequence;
    const known = new Set(rows.map(([id]) => id));
    const place = this.objects.findIndex(({ id }) => id === this.active);
    const kept = this.objects.filter(
      ({ id, isDraft }) => !known.has(id) && this.born.has(id) && (isDraft || id === this.active),
    );
    this.objects = rows.map(([id, name, color, visible, locked, edge]) => ({
      id,
      name,
      color,
      visible,
      locked,
      edge,
      isDraft: false,
    }));
    for (const { id } of kept) this.addDraft(id);
    this.onChange('objects');
    this.nextId = Math.max(this.nextId, ...this.objects.map(({ id }) => id + 1));
    this.chooseBeside(place);
  }

  /** If the active object is gone, activates the one in its place; there always is one. */
  chooseBeside(place) {
    if (this.find(this.active)) return;
    if (!this.objects.length) this.newObject();
    else this.active = this.objects[Math.max(0, Math.min(place, this.objects.length - 1))].id;
  }

  /** Counts every prompt as new: the next run starts from them. */
  promptsAreNew() {
    for (const prompt of this.prompts.values()) this.sinceRun.add(prompt.frame);
    this.onChange('prompts');
  }

  /** Counts the prompts of a frame as new. */
  promptsAreNewOn(frame) {
    this.sinceRun.add(frame);
    this.onChange('prompts');
  }

  /** Counts every prompt as propagated: only newer ones decide where the next run starts. */
  beginRun() {
    this.sinceRun.clear();
    this.onChange('prompts');
  }

  /** Returns the first prompted frame of each object. */
  firstPromptedFrames() {
    const firsts = new Map();
    for (const { object, frame } of this.prompts.values()) {
      if (!(firsts.get(object) <= frame)) firsts.set(object, frame);
    }
    return firsts;
  }

  nameOf(object) {
    return object.name || `Object ${object.id}`;
  }

  prompt(object, frame) {
    return (
      this.prompts.get(`${object}:${frame}`) || {
        object,
        frame,
        points: [],
        box: null,
        mask: false,
        candidate: null,
      }
    );
  }

  /** Stores a prompt; an empty one is removed. */
  setPrompt(prompt) {
    const key = `${prompt.object}:${prompt.frame}`;
    if (isEmptyPrompt(prompt)) this.prompts.delete(key);
    else this.prompts.set(key, prompt);
    this.sinceRun.add(prompt.frame);
    this.onChange('prompts');
  }

  /** Shows a drawn mask until it is answered; returns a function to call with the outcome. */
  showDrawn(object, frame, counts) {
    const key = `${object}:${frame}`;
    const before = this.masksOn(frame).get(object);
    const mask = { counts, iou: 1, score: 10, area: areaOf(counts) };
    this.drawn.set(key, mask);
    this.setMask(frame, object, mask);
    return (isRefused) => {
      if (this.drawn.get(key) !== mask) return;
      this.drawn.delete(key);
      if (isRefused && this.masksOn(frame).get(object) === mask) {
        this.setMask(frame, object, before);
      }
    };
  }

  setMask(frame, object, mask) {
    const masks = new Map(this.masksOn(frame));
    if (mask) masks.set(object, mask);
    else masks.delete(object);
    this.masks.set(frame, masks);
    this.onChange('masks');
  }

  promptsOn(frame) {
    return [...this.prompts.values()].filter((prompt) => prompt.frame === frame);
  }

  masksOn(frame) {
    return this.masks.get(frame) || new Map();
  }

  /** Returns those of a frame's masks that are visible, topmost first, with their edges. */
  shown(masks) {
    const shown = this.objects.filter(({ id, visible }) => visible && masks.has(id));
    return new Map(shown.map(({ id, edge }) => [id, this.withEdge(masks.get(id), edge)]));
  }

  withEdge(mask, edge) {
    const stamp = Object.values(edge).join(' ');
    const known = this.edged.get(mask);
    if (known && known.stamp === stamp) return known.mask;
    const made = edgedMask(mask, this.video, edge);
    this.edged.set(mask, { stamp, mask: made });
    return made;
  }

  /** Returns the visible objects' prompts on a frame. */
  shownPromptsOn(frame) {
    const hidden = new Set(this.objects.filter(({ visible }) => !visible).map(({ id }) => id));
    return this.promptsOn(frame).filter(({ object }) => !hidden.has(object));
  }

  /**
   * Applies an answer, except for parts that a newer answer already covered. With `keepPrompts` the
   * page's own prompts stay, because newer ones are on their way to the server.
   */
  read(answer, keepPrompts = false) {
    if (answer.frames) this.onChange('masks');
    for (const [frame, objects] of answer.frames || []) {
      if ((this.frameSequence.get(frame) || 0) > answer.sequence) continue;
      this.frameSequence.set(frame, answer.sequence);
      this.masks.set(
        frame,
        new Map(
          objects.map(([id, counts, iou, score]) => [
            id,
            this.drawn.get(`${id}:${frame}`) || { counts, iou, score, area: areaOf(counts) },
          ]),
        ),
      );
    }
    if (answer.objects && !keepPrompts) this.readObjects(answer.objects, answer.sequence);
    if (answer.prompts) this.readPrompts(answer.prompts, answer.sequence, keepPrompts);
    if ('undo' in answer && answer.sequence >= this.stepSequence) {
      this.stepSequence = answer.sequence;
      this.steps = { undo: answer.undo, redo: answer.redo };
      this.onChange('steps');
    }
  }

  readPrompts(rows, sequence, keepPrompts = false) {
    if (sequence < this.promptSequence) return;
    this.promptSequence = sequence;
    this.confirmed = rows;
    if (keepPrompts) return;
    this.prompts = new Map(
      rows.map(([object, frame, points, box, mask, candidate]) => [
        `${object}:${frame}`,
        { object, frame, points, box, mask: Boolean(mask), candidate },
      ]),
    );
    for (const frame of this.sinceRun) {
      if (!this.promptsOn(frame).length) this.sinceRun.delete(frame);
    }
    this.onChange('prompts');
  }

  /** Drops prompts that the server did not accept. */
  restorePrompts() {
    this.readPrompts(this.confirmed, this.promptSequence);
  }

  /**
   * Returns the frame to propagate from: the first new prompt if there is one, else the current
   * frame. At the `end` of the range, where nothing is left to do, it is the first prompt of all.
   */
  startFrame(direction, current, end) {
    const prompted = [...this.prompts.values()].map(({ frame }) => frame);
    const frames = this.sinceRun.size ? [...this.sinceRun] : current === end ? prompted : [];
    if (!frames.length) return current;
    return direction === 'backward' ? Math.max(...frames) : Math.min(...frames);
  }
}
