// Actions on whole objects; changes show at once where possible.

export class ObjectActions {
  /** `app` gives project, editing and status. */
  constructor(app) {
    this.app = app;
  }

  /** Changes some of an object's settings: name, color, visible, locked, edge. */
  settings(object, changes) {
    this.app.project.change(object, changes);
    return this.app.editing.send('settings', () => ({ object, ...changes }));
  }

  toggleVisible(object) {
    const { visible } = this.app.project.find(object);
    this.app.announce(`${this.name(object)} is ${visible ? 'hidden' : 'shown'}`);
    return this.settings(object, { visible: !visible });
  }

  toggleLocked(object) {
    const { locked } = this.app.project.find(object);
    this.app.announce(`${this.name(object)} is ${locked ? 'unlocked' : 'locked'}`);
    return this.settings(object, { locked: !locked });
  }

  /** Returns whether an object may be prompted, else says why not; a hidden one is shown. */
  admits(object) {
    const { project, status } = this.app;
    const { visible, locked } = project.find(object);
    if (locked) {
      status.propose(
        `${this.name(object)} is locked: unlock it first, or ` + 'choose another object.',
        'Unlock',
        () => {
          status.clear();
          this.toggleLocked(object);
        },
      );
    } else if (!visible) this.toggleVisible(object);
    return !locked;
  }

  /** Says which objects a propagation leaves unchanged. */
  tellLocked() {
    const names = this.lockedNames();
    if (names) this.app.status.say(`Locked and therefore unchanged: ${names}.`);
  }

  /** Names the first few locked objects; empty if there are none. */
  lockedNames() {
    const locked = this.app.project.objects.filter((object) => object.locked && !object.isDraft);
    const names = locked.slice(0, 3).map((object) => this.app.project.nameOf(object));
    if (locked.length > 3) names.push(`${locked.length - 3} more`);
    return names.join(', ');
  }

  async duplicate(object) {
    const { project } = this.app;
    if (await this.isEmpty(object)) return;
    const copy = project.nextId++;
    const answer = await this.app.editing.send('duplicate_object', () => ({ object, as: copy }));
    if (answer && project.find(copy)) this.app.choose(copy);
  }

  async merge(object, into) {
    if ((await this.isEmpty(object)) || (await this.isEmpty(into))) return;
    const { project } = this.app;
    const names = [object, into].map((id) => this.name(id));
    project.born.delete(object); // merged for good, so it is not kept as a draft
    const answer = await this.app.editing.send('merge_object', () => ({ object, into }));
    if (!answer) return;
    project.promptsAreNew();
    this.app.choose(into);
    this.app.announce(`${names[0]} is merged into ${names[1]}`);
  }

  /** Moves an object up (-1) or down (1) in the list; the topmost is drawn over the others. */
  move(object, step) {
    const { objects } = this.app.project;
    const place = objects.findIndex(({ id }) => id === object) + step;
    if (place < 0 || place >= objects.length) return null;
    return this.app.editing.send('move_object', () => ({ object, place }));
  }

  async clear(object) {
    if (!(await this.isEmpty(object))) this.app.editing.send('clear_object', () => ({ object }));
  }

  async remove(object) {
    const { project } = this.app;
    const name = this.name(object);
    await this.app.editing.chain;
    if (!project.find(object).isDraft) {
      if (!(await this.app.editing.send('remove_object', () => ({ object })))) return;
    }
    project.dropObject(object);
    this.app.announce(`${name} is removed`);
  }

  /** Removes every unlocked object; a single undo restores them. */
  async startOver() {
    const { project, editing, status, review, history } = this.app;
    await editing.chain; // a first prompt may be on its way
    const locked = this.lockedNames();
    if (!project.objects.some((object) => !object.locked && !object.isDraft)) {
      status.say(`There is nothing to remove${locked && `: ${locked} is locked`}.`);
    } else {
      if (!(await editing.send('start_over', () => ({}))) || project !== this.app.project) return;
      review.clear();
      const text = `All objects were removed${locked && `, except locked ones: ${locked}`}.`;
      status.propose(text, 'Undo', () => history.go('undo'));
    }
    project.startOver();
  }

  /** Returns whether the server does not know an object yet, and says so if that is the case. */
  async isEmpty(object) {
    await this.app.editing.chain; // its first prompt may be on its way
    if (!this.app.project.find(object).isDraft) return false;
    this.app.status.say(`${this.name(object)} has no masks yet: click it first.`);
    return true;
  }

  name(object) {
    return this.app.project.nameOf(this.app.project.find(object));
  }
}
