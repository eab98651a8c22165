// The choice of effects: presets, one effect each for objects and background, and what they need.

import { makeButton } from '../core/elements.js';
import { keep, keptJson } from '../core/storage.js';
import { EffectPainter } from './painter.js';

const EFFECT_OPTIONS = {
  color: ['erase', 'gradient', 'text', 'outline'], // these backgrounds have a colour
  text: ['text'],
};

const SURPRISE_COLORS = ['#4338ca', '#be123c', '#0f766e', '#b45309', '#1d4ed8', '#111827'];

export class EffectMenu {
  /**
   * `effects` is what the server offers; `colorOf` returns an object's colour, `say` shows a
   * sentence, and `changed` is called after each choice.
   */
  constructor(effects, find, { colorOf, say, changed }) {
    this.effects = effects;
    this.find = find;
    Object.assign(this, { colorOf, say, changed });
    this.choice = this.plain();
    this.fillSelect('effect-objects', this.effects.objects);
    this.fillSelect('effect-background', this.effects.background);
    const emoji = Object.keys(this.effects.emoji);
    this.fillSelect(
      'effect-emoji',
      Object.fromEntries(emoji.map((name) => [name, name[0].toUpperCase() + name.slice(1)])),
    );
    find('effect-text').maxLength = this.effects.max_text_length;
    this.presets = Object.entries(this.effects.presets).map(([name, choice]) => {
      const button = makeButton('s2-chip', name, `Preset: ${name}`, () =>
        this.choose({ ...choice, emoji: this.choice.emoji, text: this.choice.text }),
      );
      button.dataset.preset = name;
      return button;
    });
    find('effect-presets').prepend(...this.presets);
    find('effect-surprise').onclick = () => this.surprise();
    for (const name of ['objects', 'background', 'emoji', 'color']) {
      find(`effect-${name}`).oninput = (event) => this.choose({ [name]: event.target.value });
    }
    find('effect-strength').oninput = (event) =>
      this.choose({ strength: Number(event.target.value) });
    find('effect-text').oninput = (event) => this.write(event.target.value);
  }

  plain() {
    return { ...this.effects.presets.Overlay };
  }

  fillSelect(id, labels) {
    this.find(id).append(...Object.entries(labels).map(([name, label]) => new Option(label, name)));
  }

  /** The choice survives a reload of the page. */
  open(video) {
    this.painter = new EffectPainter(video, this.effects);
    this.key = `sam2-effects-${video.token}`;
    this.last = null;
    this.choice = { ...this.plain(), ...keptJson(this.key) };
    this.show();
  }

  choose(changes) {
    this.choice = { ...this.choice, ...changes };
    keep(this.key, JSON.stringify(this.choice));
    this.show();
    this.changed();
  }

  /** The server's font only has Western European letters, so others are dropped here, too. */
  write(typed) {
    const text = typed.replace(/[^\x20-\x7e\xa1-\xac\xae-\xff]/g, '');
    if (text !== typed) {
      this.find('effect-text').value = text;
      this.say('The text can hold letters, digits and symbols of Western European languages.');
    }
    if (text.trim()) this.choose({ text });
  }

  /** Chooses something other than the current effects, and something visible. */
  surprise() {
    const { objects, background } = this.choice;
    let chosen;
    do {
      chosen = {
        objects: anyOf(Object.keys(this.effects.objects)),
        background: anyOf(Object.keys(this.effects.background)),
      };
    } while (
      (chosen.objects === 'original' && chosen.background === 'original') ||
      (chosen.objects === objects && chosen.background === background)
    );
    this.choose({
      ...chosen,
      emoji: anyOf(Object.keys(this.effects.emoji)),
      color: anyOf(SURPRISE_COLORS),
      strength: anyOf([1, 2, 3]),
    });
  }

  show() {
    const { find, choice } = this;
    for (const name of ['objects', 'background', 'emoji', 'color', 'strength', 'text']) {
      const field = find(`effect-${name}`);
      if (document.activeElement !== field || name !== 'text') field.value = choice[name];
    }
    for (const [name, backgrounds] of Object.entries(EFFECT_OPTIONS)) {
      find(`effect-${name}-row`).hidden = !backgrounds.includes(choice.background);
    }
    find('effect-emoji-row').hidden = choice.objects !== 'emoji';
    const looks = ['objects', 'background', 'strength'];
    for (const button of this.presets) {
      const preset = this.effects.presets[button.dataset.preset];
      button.setAttribute(
        'aria-pressed',
        looks.every((name) => preset[name] === choice[name]),
      );
    }
    find('effect-now').textContent =
      `${this.effects.objects[choice.objects]} · ${this.effects.background[choice.background]}`;
  }

  get isPlain() {
    const plain = this.plain();
    return ['objects', 'background', 'strength'].every((name) => this.choice[name] === plain[name]);
  }

  /** Returns the scene with effects drawn into its image in place of the masks, if those show. */
  applied(view, frame, masksShown) {
    if (this.isPlain || !masksShown) return view;
    const objects = [...view.masks]
      .filter(([, mask]) => mask.area)
      .map(([id, { counts, feather }]) => ({ counts, feather, color: this.colorOf(id) }));
    const stamp = JSON.stringify([frame, this.choice, objects]);
    if (this.last === null || this.last.stamp !== stamp || this.last.picture !== view.picture) {
      this.last = { stamp, picture: view.picture };
      this.effect = this.painter.draw(view.picture, objects, this.choice, frame);
    }
    return { ...view, picture: this.effect, masks: new Map() };
  }
}

function anyOf(list) {
  return list[Math.floor(Math.random() * list.length)];
}
