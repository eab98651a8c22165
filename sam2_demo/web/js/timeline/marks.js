// Marks where prompts are: buttons, so that mouse, touch and screen readers can go to each.

import { makeButton } from '../core/elements.js';

export class PromptMarks {
  constructor(layer, colorOf, onChoose) {
    this.layer = layer;
    this.colorOf = colorOf;
    this.onChoose = onChoose;
    this.clear();
  }

  clear() {
    this.drawn = '';
    this.layer.replaceChildren();
  }

  /** Places a button at each prompt; `topOf(lane)` returns the position of its lane. */
  draw(project, axis, topOf) {
    const lanes = new Map(project.objects.map((object, lane) => [object.id, lane]));
    const prompts = [...project.prompts.values()]
      .filter(({ object }) => lanes.has(object))
      .sort(
        (one, other) => lanes.get(one.object) - lanes.get(other.object) || one.frame - other.frame,
      );
    const names = project.objects.map((object) => project.nameOf(object) + this.colorOf(object.id));
    const wanted = `${axis.end} ${names} ${prompts.map(({ object, frame }) => `${object}:${frame}`)}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.layer.replaceChildren(
      ...prompts.map(({ object, frame }) => {
        const name = project.nameOf(project.objects[lanes.get(object)]);
        const mark = makeButton('s2-mark', '', `Prompt for ${name} on frame ${frame + 1}`, () =>
          this.onChoose(frame, object),
        );
        mark.tabIndex = -1; // there may be hundreds; , and . step through them
        mark.style.left = `${axis.middle(frame)}px`;
        mark.style.top = `${topOf(lanes.get(object))}px`;
        mark.style.background = `rgb(${this.colorOf(object).join(',')})`;
        return mark;
      }),
    );
  }
}

/** Returns the next prompt after a frame (before it if `step` is -1); null at the end. */
export function promptBeside(project, frame, step) {
  const ahead = [...project.prompts.values()].filter((prompt) => step * (prompt.frame - frame) > 0);
  return ahead.reduce(
    (near, prompt) =>
      !near ||
      Math.abs(prompt.frame - frame) < Math.abs(near.frame - frame) ||
      (prompt.frame === near.frame && prompt.object === project.active)
        ? prompt
        : near,
    null,
  );
}
