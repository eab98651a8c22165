// The list of objects: thumbnail, name, IoU on the current frame, visibility, lock and menu.

import { isPlain } from '../core/edges.js';
import { makeButton } from '../core/elements.js';
import { ObjectMenu } from './menu.js';
import { Thumbnails } from './thumbnails.js';

const MAX_NAME_LENGTH = 80;

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = {
  shown:
    'M1.5 10S4.5 4.5 10 4.5 18.5 10 18.5 10 15.5 15.5 10 15.5 1.5 10 1.5 10zM10 7.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2z',
  hidden:
    'M3 3l14 14M8.2 4.7A8.6 8.6 0 0 1 10 4.5c5.5 0 8.5 5.5 8.5 5.5a15 15 0 0 1-2.3 2.9M5 6.4A14 14 0 0 0 1.5 10S4.5 15.5 10 15.5a8.4 8.4 0 0 0 4.3-1.2',
  open: 'M4.5 9h11v8h-11zM7 9V6.2a3 3 0 0 1 5.8-1.1',
  locked: 'M4.5 9h11v8h-11zM7 9V6.2a3 3 0 0 1 6 0V9',
};

export class ObjectList {
  constructor(app, list, panel) {
    this.app = app;
    this.list = list;
    this.menu = new ObjectMenu(app, panel);
    this.thumbnails = new Thumbnails(app.cache);
    this.rows = new Map();
  }

  clear() {
    this.menu.close();
    this.rows.clear();
    this.thumbnails.clear();
    this.list.replaceChildren();
  }

  render() {
    const { project, frame } = this.app;
    const firsts = project.firstPromptedFrames();
    const ids = new Set(project.objects.map((object) => object.id));
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.item.remove();
        this.rows.delete(id);
      }
    }
    project.objects.forEach((object, place) => {
      const row = this.rows.get(object.id) || this.makeRow(object.id);
      if (this.list.children[place] !== row.item) {
        this.list.insertBefore(row.item, this.list.children[place] || null);
      }
      this.renderRow(row, object, frame);
      const first = firsts.get(object.id);
      const mask = first === undefined ? null : project.masksOn(first).get(object.id);
      this.thumbnails.draw(row.thumb, project.video, first, mask);
    });
    this.showActive();
  }

  renderRow(row, object, frame) {
    const { project } = this.app;
    const name = project.nameOf(object);
    const active = object.id === project.active;
    const color = `rgb(${this.app.colorOf(object.id)})`;
    const stamp = `${active}|${name}|${color}|${object.visible}|${object.locked}`;
    if (row.stamp !== stamp) {
      row.stamp = stamp;
      row.item.classList.toggle('s2-active', active);
      row.item.classList.toggle('s2-hidden-object', !object.visible);
      row.choose.setAttribute('aria-pressed', active);
      row.choose.setAttribute('aria-label', `Choose ${name}`);
      row.choose.style.setProperty('--s2-color', color);
      row.eye.set(
        object.visible ? 'shown' : 'hidden',
        `${object.visible ? 'Hide' : 'Show'} ${name}`,
      );
      row.lock.set(
        object.locked ? 'locked' : 'open',
        `${object.locked ? 'Unlock' : 'Lock'} ${name}`,
      );
      row.eye.button.setAttribute('aria-pressed', !object.visible);
      row.lock.button.setAttribute('aria-pressed', object.locked);
      row.more.setAttribute('aria-label', `More for ${name}`);
      if (document.activeElement !== row.name) row.name.value = name;
    }
    const note = this.noteOn(project, object, frame);
    if (row.note.textContent !== note) row.note.textContent = note;
  }

  /** Scrolls the active object's row into view after it changed or moved. */
  showActive() {
    const { active, objects } = this.app.project;
    const shown = `${active} at ${objects.findIndex(({ id }) => id === active)}`;
    if (this.shown === shown) return;
    this.shown = shown;
    const { item } = this.rows.get(active);
    const { list } = this;
    const top = item.offsetTop;
    const bottom = top + item.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) {
      list.scrollTop = bottom - list.clientHeight;
    }
  }

  noteOn(project, object, frame) {
    const mask = project.masksOn(frame).get(object.id);
    const { points, box, mask: isDrawn } = project.prompt(object.id, frame);
    const clicks = points.length + (box ? 1 : 0) + (isDrawn ? 1 : 0);
    const prompts = clicks ? `${clicks} prompt${clicks === 1 ? '' : 's'} here` : '';
    const locked = object.locked ? 'locked' : '';
    const state = !mask
      ? prompts
        ? ''
        : 'no mask on this frame'
      : mask.area === 0
        ? 'hidden on this frame'
        : `IoU ${mask.iou.toFixed(2)}`;
    const edge = isPlain(object.edge) ? '' : 'edge changed';
    return [locked, state, prompts, edge].filter(Boolean).join(' · ');
  }

  /** Focuses an object's name for editing. */
  startRename(id) {
    this.rows.get(id).name.focus();
    this.rows.get(id).name.select();
  }

  openMenu(id) {
    this.menu.open(this.app.project.find(id), this.rows.get(id).more);
  }

  makeRow(id) {
    const { app } = this;
    const item = document.createElement('li');
    const thumb = document.createElement('canvas');
    const number = document.createElement('b');
    thumb.hidden = true;
    number.textContent = id;
    const choose = makeButton('s2-swatch', '', '', () => app.choose(id));
    choose.append(thumb, number);
    const name = this.makeName(id);
    const note = document.createElement('small');
    note.title = 'IoU: how well the mask fits the object, as the model predicts it';
    const text = document.createElement('div');
    text.append(name, note);
    const eye = makeIconButton(() => app.actions.toggleVisible(id));
    const lock = makeIconButton(() => app.actions.toggleLocked(id));
    const more = makeButton('s2-link', '⋯', 'More', () => this.openMenu(id));
    more.setAttribute('aria-haspopup', 'dialog');
    item.onclick = () => app.choose(id);
    for (const control of [eye.button, lock.button, more]) {
      control.addEventListener('click', (event) => event.stopPropagation());
    }
    item.append(choose, text, eye.button, lock.button, more);
    const row = { item, thumb, choose, name, note, eye, lock, more, stamp: '' };
    this.rows.set(id, row);
    return row;
  }

  makeName(id) {
    const { app } = this;
    const name = document.createElement('input');
    name.maxLength = MAX_NAME_LENGTH;
    name.setAttribute('aria-label', `Name of object ${id}`);
    name.onfocus = () => app.choose(id);
    name.onchange = () => {
      app.actions.settings(id, { name: name.value.trim() });
      name.value = app.project.nameOf(app.project.find(id));
    };
    name.onkeydown = (event) => {
      if (event.key === 'Escape') name.value = app.project.nameOf(app.project.find(id));
      if (event.key === 'Enter' || event.key === 'Escape') name.blur();
      event.stopPropagation();
    };
    return name;
  }
}

/** Returns a button with an icon, and a function that sets icon and label. */
function makeIconButton(onclick) {
  const button = makeButton('s2-link s2-icon-link', '', '', onclick);
  const picture = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  picture.setAttribute('viewBox', '0 0 20 20');
  picture.setAttribute('aria-hidden', 'true');
  picture.append(path);
  button.append(picture);
  const set = (icon, label) => {
    path.setAttribute('d', ICONS[icon]);
    button.title = label;
    button.setAttribute('aria-label', label);
  };
  return { button, set };
}
