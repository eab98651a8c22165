// Undo and redo: the buttons say what they would do, and the page jumps to where it happened.

import { isPropagation, stepText } from './steps.js';

export class History {
  constructor(app, find) {
    this.app = app;
    this.buttons = { undo: find('undo'), redo: find('redo') };
    this.buttons.undo.onclick = () => this.go('undo');
    this.buttons.redo.onclick = () => this.go('redo');
  }

  render() {
    const { project } = this.app;
    const keys = { undo: 'Z', redo: 'Y' };
    for (const [way, button] of Object.entries(this.buttons)) {
      const step = project.steps[way];
      const name = way === 'undo' ? 'Undo' : 'Redo';
      const says = step ? `${name}: ${stepText(step)}` : `There is nothing to ${way}`;
      button.disabled = !step;
      button.title = `${says} (${keys[way]})`;
      button.setAttribute('aria-label', says);
    }
  }

  /** Goes one step back ("undo") or forward ("redo"). */
  async go(way) {
    const { project, status } = this.app;
    if (!project) return;
    const answer = await this.app.editing.send(way, () => ({}));
    if (!answer || project !== this.app.project) return;
    const { moment, frames } = answer;
    if (!moment) {
      status.say(`There is nothing to ${way}.`);
      return;
    }
    if (isPropagation(moment.step)) {
      project.promptsAreNew();
      this.app.tracking.clear(); // its summary of that run no longer holds
    }
    if (frames.length && !frames.some(([frame]) => frame === this.app.frame)) {
      this.app.seek(frames[0][0]);
    }
    this.app.announce(`${way === 'undo' ? 'Undone' : 'Redone'}: ${stepText(moment.step)}`);
    if (moment.whole) status.clear();
    else {
      status.say(
        'Prompts and names are back, but the masks propagated then are no longer kept: ' +
          'propagate again.',
      );
    }
  }
}
