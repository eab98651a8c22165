// The keyboard: one table drives both the key handling and the help sheet.
//
// A line with `keys` is a command: each key as it is pressed ('z', 'Ctrl+Shift+z', 'Alt+ArrowUp',
// '?'; Ctrl is Cmd on a Mac), what it `does` in the words of the sheet, and what it runs, given the
// app and the event. `anywhere` runs without a video, too; `shown` replaces many keys in the
// sheet. A line with `how` is about the pointer only. Each key occurs once. A group that is
// `settled` waits until the camera was stopped.

import { ZOOM_STEP } from '../canvas/view.js';
import { isTyping } from '../core/elements.js';

const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

export const KEYS = [
  {
    title: 'Point',
    lines: [
      { how: 'click', does: 'a positive click, or as set by + / −' },
      { how: 'right click, Ctrl, Alt or Shift + click', does: 'a negative click' },
      { how: 'long touch', does: 'a negative click' },
      { how: 'click on a point', does: 'deletes it; drag it to move it' },
      { how: 'drag', does: 'a box; its handles resize it, its border moves it' },
      { keys: ['x', 't'], does: 'switch between + and −', run: (app) => app.toggleSign() },
      {
        keys: ['q'],
        does: 'point with the arrow keys and Enter',
        run: (app) => app.keyPointer.toggle(),
      },
      {
        keys: ['a'],
        does: 'the next candidate for a single click',
        run: (app) => app.candidates.cycle(1),
      },
      {
        keys: ['v'],
        does: 'preview on or off',
        run: (app) => app.hover.toggle(),
      },
    ],
  },
  {
    title: 'Tools',
    lines: [
      { keys: ['c'], does: 'click', run: (app) => app.tools.choose('click') },
      { keys: ['r'], does: 'box', run: (app) => app.tools.choose('box') },
      { keys: ['b'], does: 'brush', run: (app) => app.tools.choose('brush') },
      { keys: ['e'], does: 'eraser', run: (app) => app.tools.choose('eraser') },
      {
        keys: ['l'],
        does: 'lasso: drag around, or click corner by corner',
        run: (app) => app.tools.choose('lasso'),
      },
      { keys: ['['], does: 'smaller brush', run: (app) => app.tools.grow(-1) },
      { keys: [']'], does: 'larger brush', run: (app) => app.tools.grow(1) },
      { keys: ['Enter'], does: 'close the lasso', run: (app) => app.tools.enter() },
    ],
  },
  {
    title: 'Look closely',
    lines: [
      { how: 'wheel, pinch', does: 'zoom' },
      { how: 'hold H and drag, middle button, two fingers', does: 'move the image' },
      { keys: ['+', '='], shown: ['+'], does: 'zoom in', run: (app) => app.zoom.by(ZOOM_STEP) },
      { keys: ['-'], does: 'zoom out', run: (app) => app.zoom.by(1 / ZOOM_STEP) },
      { keys: ['0'], does: 'show the whole frame', run: (app) => app.zoom.by(0) },
    ],
  },
  {
    title: 'Objects',
    lines: [
      { keys: ['n'], does: 'new object', run: (app) => app.newObject() },
      {
        keys: ['w'],
        does: 'find everything on this frame',
        run: (app) => app.finding.start(),
      },
      {
        keys: DIGITS,
        shown: ['1', '…', '9'],
        does: 'select an object',
        run: (app, event) => app.chooseByPlace(Number(event.key) - 1),
      },
      { keys: ['Shift+ArrowUp'], does: 'select the one above', run: (app) => app.chooseBeside(-1) },
      {
        keys: ['Shift+ArrowDown'],
        does: 'select the one below',
        run: (app) => app.chooseBeside(1),
      },
      {
        keys: ['F2'],
        does: 'rename it',
        run: (app) => app.objects.startRename(app.project.active),
      },
      {
        keys: ['s'],
        does: 'hide or show it',
        run: (app) => app.actions.toggleVisible(app.project.active),
      },
      {
        keys: ['k'],
        does: 'lock or unlock it',
        run: (app) => app.actions.toggleLocked(app.project.active),
      },
      {
        keys: ['d'],
        does: 'duplicate it',
        run: (app) => app.actions.duplicate(app.project.active),
      },
      {
        keys: ['Alt+ArrowUp'],
        does: 'move it up: on top of the others',
        run: (app) => app.actions.move(app.project.active, -1),
      },
      {
        keys: ['Alt+ArrowDown'],
        does: 'move it down',
        run: (app) => app.actions.move(app.project.active, 1),
      },
      {
        keys: ['u'],
        does: 'its colour, merge and more',
        run: (app) => app.objects.openMenu(app.project.active),
      },
      { keys: ['Delete'], does: 'remove it', run: (app) => app.actions.remove(app.project.active) },
      {
        keys: ['Shift+Delete'],
        does: 'start over: remove all unlocked objects',
        run: (app) => app.actions.startOver(),
      },
    ],
  },
  {
    title: 'Go through the video',
    settled: true,
    lines: [
      { keys: [' '], does: 'play or pause', run: (app) => app.togglePlay() },
      { keys: ['ArrowLeft'], does: 'one frame back', run: (app) => app.step(-1) },
      { keys: ['ArrowRight'], does: 'one frame forward', run: (app) => app.step(1) },
      { keys: ['Shift+ArrowLeft'], does: 'ten frames back', run: (app) => app.step(-10) },
      { keys: ['Shift+ArrowRight'], does: 'ten frames forward', run: (app) => app.step(10) },
      { keys: [','], does: 'previous prompt', run: (app) => app.stepToPrompt(-1) },
      { keys: ['.'], does: 'next prompt', run: (app) => app.stepToPrompt(1) },
      { keys: ['g'], does: 'go to a frame by number', run: (app) => app.frameJump.open() },
      { keys: ['Home'], does: 'first frame', run: (app) => app.seek(0) },
      { keys: ['End'], does: 'last frame', run: (app) => app.seek(app.project.video.frames - 1) },
    ],
  },
  {
    title: 'Propagate',
    settled: true,
    lines: [
      { keys: ['p'], does: 'propagate', run: (app) => app.tracking.start() },
      {
        keys: ['i'],
        does: 'set the in point: propagation starts no earlier',
        run: (app) => app.setEdge('first'),
      },
      {
        keys: ['o'],
        does: 'set the out point: propagation goes no further',
        run: (app) => app.setEdge('last'),
      },
      {
        keys: ['f'],
        does: 'switch between old and new masks',
        run: (app) => app.comparison.toggle(),
      },
      { keys: ['j'], does: 'next flagged frame', run: (app) => app.review.next() },
      {
        keys: ['Shift+j'],
        does: 'the flagged frame looks right',
        run: (app) => app.review.looksRight(),
      },
      {
        keys: ['Escape'],
        does: 'stop',
        settled: false,
        run: (app) => app.tools.escape() || app.tracking.stop(),
      },
    ],
  },
  {
    title: 'The page',
    lines: [
      { keys: ['z', 'Ctrl+z'], does: 'undo', run: (app) => app.history.go('undo') },
      { keys: ['y', 'Ctrl+y', 'Ctrl+Shift+z'], does: 'redo', run: (app) => app.history.go('redo') },
      { keys: ['m'], does: 'show or hide the masks', run: (app) => app.toggleMasks() },
      { keys: ['?'], does: 'this list', anywhere: true, run: (app) => app.openHelp() },
    ],
  },
];

const IS_LIVE = 'The camera is running: stop it first.';
const NO_VIDEO = 'Open a video first: choose a file, drop one here, or try a sample.';

/**
 * Returns the pressed keys as the table writes them. Where a character needs Shift, Option (Alt) or
 * AltGr (Ctrl and Alt) on a keyboard, as '?' and '[' do on many, they are not part of the shortcut.
 */
export function pressedKeys(event) {
  const letter = /^Key([A-Z])$/.exec(event.code || '');
  const isForeign = event.key.length === 1 && event.key > '~' && letter; // Я for Z
  const key = isForeign
    ? letter[1].toLowerCase()
    : event.key.length === 1
      ? event.key.toLowerCase()
      : event.key;
  const isSign = key.length === 1 && !/[a-z0-9 ]/.test(key);
  const held = [
    (event.metaKey || (event.ctrlKey && !(isSign && event.altKey))) && 'Ctrl',
    event.altKey && !isSign && 'Alt',
    event.shiftKey && (key.length > 1 || /[a-z]/.test(key)) && 'Shift',
  ];
  return [...held.filter(Boolean), key].join('+');
}

export function listenToKeys(app) {
  const commands = new Map();
  for (const { lines, settled } of KEYS) {
    for (const line of lines) {
      for (const key of line.keys || []) commands.set(key, { settled, ...line });
    }
  }

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || !app.element.isConnected || isTyping(event.target)) return;
    if (document.querySelector('dialog[open], :popover-open')) return;
    const command = commands.get(pressedKeys(event));
    const onControl =
      event.target.closest && event.target.closest('button, select, a, summary, input');
    if (!onControl && app.keyPointer.handles(event)) {
      event.preventDefault();
      return;
    }
    if (!command) return;
    if (onControl && [' ', 'Enter'].includes(event.key)) return; // it presses that button
    if (!app.project && !command.anywhere) {
      if (event.key !== 'Escape') app.status.say(NO_VIDEO);
      return;
    }
    event.preventDefault();
    if (app.live.isOn && command.settled) app.status.say(IS_LIVE);
    else command.run(app, event);
  });
}
