// The menu behind an object's "more" button: colour, edge, order, duplicate, merge, clear, remove.

import { hexOf, rgbOf } from '../core/colors.js';
import { EDGE_LIMITS } from '../core/edges.js';
import { makeButton } from '../core/elements.js';

const EDGE_NAMES = {
  smooth_px: ['Smooth', 'Even out bumps and notches of this radius, in pixels'],
  grow_px: ['Grow', 'Move the edge outwards, or inwards, by so many pixels'],
  feather_px: ['Feather', 'Let the edge fade over so many pixels to either side'],
};

export class ObjectMenu {
  constructor(app, panel) {
    this.app = app;
    this.panel = panel;
  }

  /** Opens beside a button; Escape or a click elsewhere closes it. */
  open(object, button) {
    const { project, actions } = this.app;
    const id = object.id;
    const name = project.nameOf(object);
    const others = project.objects.filter((other) => other.id !== id && !other.isDraft);
    this.panel.setAttribute('aria-label', `More for ${name}`);
    this.panel.replaceChildren(
      this.colors(object),
      this.edges(object),
      this.merging(object, others),
      this.row(
        this.item('Duplicate', 'D', () => actions.duplicate(id)),
        this.item('Move up', 'Alt ↑', () => actions.move(id, -1)),
        this.item('Move down', 'Alt ↓', () => actions.move(id, 1)),
        this.item('Clear prompts and masks', '', () => actions.clear(id)),
        this.item('Remove', 'Del', () => actions.remove(id)),
      ),
    );
    this.panel.showPopover();
    this.place(button);
    this.panel.querySelector('button').focus();
  }

  close() {
    if (this.panel.matches(':popover-open')) this.panel.hidePopover();
  }

  /** Puts the panel beside its button, within the window. */
  place(button) {
    const box = button.getBoundingClientRect();
    const own = this.panel.getBoundingClientRect();
    const below = box.bottom + 4 + own.height <= innerHeight;
    const top = below ? box.bottom + 4 : Math.max(8, box.top - own.height - 4);
    this.panel.style.top = `${Math.max(8, Math.min(top, innerHeight - own.height - 8))}px`;
    this.panel.style.left = `${Math.max(8, Math.min(box.right, innerWidth - 8) - own.width)}px`;
  }

  colors(object) {
    const group = document.createElement('div');
    group.className = 's2-colors';
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', 'Colour');
    const current = String(this.app.colorOf(object.id));
    const choose = (color) => {
      this.close();
      this.app.actions.settings(object.id, { color });
    };
    this.app.settings.colors.forEach(([name, color]) => {
      const button = makeButton('s2-color', '', name, () => choose(color));
      button.style.background = `rgb(${color.join(',')})`;
      button.setAttribute('aria-pressed', String(color) === current);
      group.append(button);
    });
    const other = document.createElement('input');
    other.type = 'color';
    other.title = 'Custom colour';
    other.setAttribute('aria-label', 'Custom colour');
    other.value = hexOf(this.app.colorOf(object.id));
    other.onchange = () => choose(rgbOf(other.value));
    group.append(other);
    return group;
  }

  /** The sliders of the object's edge; what they do shows at once and is kept when let go. */
  edges({ id, edge }) {
    const group = document.createElement('div');
    group.className = 's2-fields s2-edge-fields';
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', 'Edge');
    for (const [name, [title, note]] of Object.entries(EDGE_NAMES)) {
      const label = document.createElement('label');
      const slider = document.createElement('input');
      const value = document.createElement('output');
      const [least, most] = EDGE_LIMITS[name];
      Object.assign(slider, { type: 'range', min: least, max: most, step: 1, value: edge[name] });
      slider.dataset.edge = name;
      label.title = note;
      value.textContent = `${edge[name]} px`;
      const chosen = () => ({
        edge: { ...this.app.project.find(id).edge, [name]: Number(slider.value) },
      });
      slider.oninput = () => {
        value.textContent = `${slider.value} px`;
        this.app.project.change(id, chosen());
      };
      slider.onchange = () => this.app.actions.settings(id, chosen());
      label.append(title, slider, value);
      group.append(label);
    }
    return group;
  }

  merging(object, others) {
    const select = document.createElement('select');
    select.className = 's2-merge';
    select.setAttribute('aria-label', 'Merge into another object');
    select.disabled = !others.length || object.isDraft;
    select.append(new Option('Merge into …', ''));
    for (const other of others) select.append(new Option(this.app.project.nameOf(other), other.id));
    select.onchange = () => {
      this.close();
      this.app.actions.merge(object.id, Number(select.value));
    };
    return select;
  }

  row(...items) {
    const list = document.createElement('div');
    list.className = 's2-menu-items';
    list.append(...items);
    return list;
  }

  item(text, key, act) {
    const button = makeButton('s2-menu-item', text, text, () => {
      this.close();
      act();
    });
    if (key) {
      const cap = document.createElement('kbd');
      cap.textContent = key;
      button.append(cap);
    }
    return button;
  }
}
