// Which panel shows which topics of the page's state: it is drawn when, and only when, they change.

import { formatTime } from '../core/format.js';

const PLAY_SHAPE = 'M6 4v12l10-6z';
const PAUSE_SHAPE = 'M5 4h3.5v12H5zM11.5 4H15v12h-3.5z';

/** In drawing order. */
const PANELS = [
  {
    shows:
      'frame picture masksShown playing objects prompts masks view gesture tool comparison ' +
      'effects found look',
    draw: drawStage,
  },
  { shows: 'frame objects prompts masks range cuts look', draw: drawTimeline },
  { shows: 'frame objects prompts masks', draw: (app) => app.objects.render() },
  { shows: 'frame masks found', draw: (app) => app.finding.render() },
  { shows: 'steps', draw: (app) => app.history.render() },
  { shows: 'frame objects prompts range cuts run', draw: (app) => app.tracking.render() },
  { shows: 'steps comparison', draw: (app) => app.comparison.render() },
  {
    shows: 'objects range',
    draw: (app, project) => app.downloads.render(project, app.timeline.range),
  },
  { shows: 'prompts', draw: (app, project) => app.effort.render(project) },
  { shows: 'frame', draw: drawClock },
  { shows: 'sign masksShown playing', draw: drawToggles },
  { shows: 'tool', draw: (app) => app.tools.render() },
  {
    shows: 'frame objects prompts playing tool candidates',
    draw: (app) => app.candidates.render(),
  },
  { shows: 'view look', draw: (app) => app.zoom.render() },
  { shows: 'frame prompts view found look', draw: drawTarget },
  {
    shows: 'prompts masks run',
    draw: (app, project) => app.tips.show(project, Boolean(app.tracking.running) || app.live.isOn),
  },
  { shows: 'live', draw: (app) => app.live.render() },
];

/** Draws each panel when what it shows has changed; without a video there is nothing to draw. */
export function subscribePanels(app) {
  for (const { shows, draw } of PANELS) {
    app.store.subscribe(['project', ...shows.split(' ')], () => {
      if (app.project) draw(app, app.project);
    });
  }
}

function drawStage(app, project) {
  const { frame, find, cache, masksShown, player } = app;
  const picture = cache.get(frame);
  find('canvas').classList.toggle('s2-locked', project.find(project.active).locked);
  if (!picture) return; // until it has loaded, the previous frame stays
  const masks = project.shown(app.comparison.oldMasksOn(frame) || project.masksOn(frame));
  const scene = {
    picture,
    frame,
    masks: masksShown ? app.finding.over(app.hover.over(masks, frame), frame) : new Map(),
    prompts: player.playing ? [] : project.shownPromptsOn(frame),
    active: project.active,
    holds: app.tools.isPointing && !player.playing,
    preview: app.hover,
  };
  app.stage.draw(app.effects.applied(scene, frame, masksShown));
  find('canvas').dataset.frame = frame;
}

function drawTimeline({ timeline, frame }, project) {
  timeline.draw(project, frame, frameLabel(frame, project));
}

function drawClock({ find, frame }, project) {
  const { frames, frame_times_s: times } = project.video;
  find('clock').textContent = `${formatTime(times[frame])} / ${formatTime(times[frames - 1])}`;
  find('frame-note').textContent = frameLabel(frame, project);
}

function frameLabel(frame, { video }) {
  return `Frame ${frame + 1} of ${video.frames}`;
}

function drawToggles({ find, sign, masksShown, store }) {
  const playing = store.get('playing');
  find('sign-plus').setAttribute('aria-checked', sign);
  find('sign-minus').setAttribute('aria-checked', !sign);
  find('show-masks').setAttribute('aria-pressed', masksShown);
  find('play').setAttribute('aria-label', playing ? 'Pause' : 'Play');
  find('play-shape').setAttribute('d', playing ? PAUSE_SHAPE : PLAY_SHAPE);
}

/** Rings a good place for the first click on a sample, until there is a prompt. */
function drawTarget({ find, finding, hint, frame, stage }, { prompts }) {
  const target = find('target');
  target.hidden = !hint || hint[0] !== frame || prompts.size > 0 || finding.isShown;
  if (target.hidden) return;
  const canvas = find('canvas');
  const place = stage.view.toCanvas(hint[1], hint[2]);
  target.style.left = `${canvas.offsetLeft + place.x}px`;
  target.style.top = `${canvas.offsetTop + place.y}px`;
}
