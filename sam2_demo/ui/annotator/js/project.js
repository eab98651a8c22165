// What is known about the open video: objects, prompts, masks. No drawing, no network.

class Project {
  constructor(video) {
    const frames = video.frame_times_s.length;
    this.video = { ...video, frames, subject: frames === 1 ? 'image' : 'video' };
    this.objects = [];
    this.names = new Map(video.objects); // of removed objects, too: they may come back
    this.prompts = new Map();   // "object:frame" -> {object, frame, points, box, mask, candidate}
    this.masks = new Map();     // frame -> Map(object -> {counts, iou, score})
    this.drawn = new Map();     // "object:frame" -> a drawn mask whose answer is on its way
    this.frameSequence = new Map();
    this.promptSequence = 0;
    this.sinceRun = new Set();  // frames prompted since the last propagation
    for (const [id, name] of video.objects) this.addObject(id, name);
    this.readPrompts(video.prompts, 0);
    for (const prompt of this.prompts.values()) this.sinceRun.add(prompt.frame);
    if (!this.objects.length) this.addObject(1, '');
    this.active = this.objects[0].id;
    this.nextId = Math.max(...this.objects.map((object) => object.id)) + 1;
  }

  addObject(id, name) {
    if (this.objects.some((object) => object.id === id)) return;
    this.objects.push({ id, name: name || this.names.get(id) || '' });
    this.objects.sort((one, other) => one.id - other.id);
    this.nextId = Math.max(this.nextId || 1, id + 1);
  }

  newObject() {
    this.active = this.nextId;
    this.addObject(this.nextId, '');
  }

  dropObject(id) {
    this.objects = this.objects.filter((object) => object.id !== id);
    if (!this.objects.length) this.addObject(this.nextId, '');
    if (this.active === id) this.active = this.objects[0].id;
  }

  nameOf(object) {
    return object.name || `Object ${object.id}`;
  }

  prompt(object, frame) {
    return this.prompts.get(`${object}:${frame}`)
      || { object, frame, points: [], box: null, mask: false, candidate: null };
  }

  /** Takes in what a person gave; an empty prompt is none. */
  setPrompt(prompt) {
    const key = `${prompt.object}:${prompt.frame}`;
    if (isEmptyPrompt(prompt)) this.prompts.delete(key);
    else this.prompts.set(key, prompt);
    this.sinceRun.add(prompt.frame);
  }

  /** Shows a drawn mask until its answer is there; returns what takes it back. */
  showDrawn(object, frame, counts) {
    const key = `${object}:${frame}`, before = this.masksOn(frame).get(object);
    const mask = { counts, iou: 1, score: 10, area: areaOf(counts) };
    this.drawn.set(key, mask);
    this.setMask(frame, object, mask);
    return (isRefused) => {
      if (this.drawn.get(key) !== mask) return;
      this.drawn.delete(key);
      if (isRefused && this.masksOn(frame).get(object) === mask) this.setMask(frame, object, before);
    };
  }

  setMask(frame, object, mask) {
    const masks = new Map(this.masksOn(frame));
    if (mask) masks.set(object, mask);
    else masks.delete(object);
    this.masks.set(frame, masks);
  }

  promptsOn(frame) {
    return [...this.prompts.values()].filter((prompt) => prompt.frame === frame);
  }

  masksOn(frame) {
    return this.masks.get(frame) || new Map();
  }

  /** Whether the server knows anything of this object. */
  isKnown(id) {
    return [...this.prompts.values()].some((prompt) => prompt.object === id) ||
      [...this.masks.values()].some((objects) => objects.has(id));
  }

  /**
   * Takes in an answer; what a newer answer has said already is left alone.
   * With `keepPrompts` the page's own prompts stay, because newer ones are on their way.
   */
  read(answer, keepPrompts = false) {
    for (const [frame, objects] of answer.frames || []) {
      if ((this.frameSequence.get(frame) || 0) > answer.sequence) continue;
      this.frameSequence.set(frame, answer.sequence);
      this.masks.set(frame, new Map(objects.map(
        ([id, counts, iou, score]) => [id, this.drawn.get(`${id}:${frame}`)
          || { counts, iou, score, area: areaOf(counts) }])));
    }
    if ('undo' in answer) this.undoable = answer.undo; // the step that undo would take back
    if (answer.prompts) this.readPrompts(answer.prompts, answer.sequence, keepPrompts);
  }

  readPrompts(rows, sequence, keepPrompts = false) {
    if (sequence < this.promptSequence) return;
    this.promptSequence = sequence;
    this.confirmed = rows;
    if (keepPrompts) return;
    this.prompts = new Map(rows.map(([object, frame, points, box, mask, candidate]) =>
      [`${object}:${frame}`, { object, frame, points, box, mask: Boolean(mask), candidate }]));
    for (const [object] of rows) this.addObject(object, '');
    for (const frame of this.sinceRun) {
      if (!this.promptsOn(frame).length) this.sinceRun.delete(frame);
    }
  }

  /** Forgets prompts that the server did not accept. */
  restorePrompts() {
    this.readPrompts(this.confirmed, this.promptSequence);
  }

  /** The frame from which to propagate: where the prompts are new, else where one looks. */
  startFrame(direction, current) {
    if (!this.sinceRun.size) return current;
    const frames = [...this.sinceRun];
    return direction === 'backward' ? Math.max(...frames) : Math.min(...frames);
  }
}

function isEmptyPrompt({ points, box, mask }) {
  return !points.length && !box && !mask;
}
