// The list of objects: colour, name, how sure the model is here, clear and remove.

const MAX_NAME_LENGTH = 80;

class ObjectList {
  constructor(app, list) {
    this.app = app;
    this.list = list;
    this.rows = new Map();
  }

  clear() {
    this.rows.clear();
    this.list.replaceChildren();
  }

  render() {
    const { project, frame } = this.app;
    const ids = new Set(project.objects.map((object) => object.id));
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.item.remove();
        this.rows.delete(id);
      }
    }
    project.objects.forEach((object, place) => {
      const row = this.rows.get(object.id) || this.makeRow(object);
      if (this.list.children[place] !== row.item) {
        this.list.insertBefore(row.item, this.list.children[place] || null);
      }
      const active = object.id === project.active;
      row.item.classList.toggle('s2-active', active);
      row.choose.setAttribute('aria-pressed', active);
      if (document.activeElement !== row.name) row.name.value = project.nameOf(object);
      row.note.textContent = this.noteOn(project, object, frame);
    });
  }

  noteOn(project, object, frame) {
    const mask = project.masksOn(frame).get(object.id);
    const { points, box, mask: isDrawn } = project.prompt(object.id, frame);
    const clicks = points.length + (box ? 1 : 0) + (isDrawn ? 1 : 0);
    const prompts = clicks ? `${clicks} prompt${clicks === 1 ? '' : 's'} here` : '';
    if (!mask) return prompts || 'no mask on this frame';
    const state = mask.area === 0 ? 'hidden on this frame'
      : `IoU ${mask.iou.toFixed(2)}`;
    return [state, prompts].filter(Boolean).join(' · ');
  }

  makeRow(object) {
    const app = this.app;
    const item = document.createElement('li');
    const choose = makeButton('s2-swatch', '', 'Choose this object', () => app.choose(object.id));
    choose.style.background = `rgb(${app.colorOf(object.id).join(',')})`;
    choose.append(String(object.id));
    const name = document.createElement('input');
    name.maxLength = MAX_NAME_LENGTH;
    name.setAttribute('aria-label', `Name of object ${object.id}`);
    name.onfocus = () => app.choose(object.id);
    name.onchange = () => {
      object.name = name.value.trim();
      app.project.names.set(object.id, object.name);
      app.editing.rename(object.id, object.name);
    };
    name.onkeydown = (event) => {
      if (event.key === 'Enter' || event.key === 'Escape') name.blur();
      event.stopPropagation();
    };
    const note = document.createElement('small');
    note.title = 'IoU: how well the mask fits what was meant, as the model predicts it';
    const text = document.createElement('div');
    text.append(name, note);
    const clear = makeButton('s2-link', 'Clear', 'Take back all prompts and masks of this object',
      () => app.editing.clearObject(object.id));
    const remove = makeButton('s2-link', '×', 'Remove this object',
      () => app.editing.removeObject(object.id));
    item.onclick = () => app.choose(object.id);
    for (const control of [clear, remove]) {
      control.addEventListener('click', (event) => event.stopPropagation());
    }
    item.append(choose, text, clear, remove);
    this.list.append(item);
    const row = { item, choose, name, note };
    this.rows.set(object.id, row);
    return row;
  }
}

function makeButton(className, text, label, onclick) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = className;
  button.textContent = text;
  button.title = label;
  button.setAttribute('aria-label', label);
  button.onclick = onclick;
  return button;
}
