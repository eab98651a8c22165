// The parts of the page and how they are wired together.

import { FrameCache } from '../canvas/frame_cache.js';
import { Stage } from '../canvas/stage.js';
import { ZoomBar } from '../canvas/zoom_bar.js';
import { EffectMenu } from '../effects/menu.js';
import { Downloads } from '../files/downloads.js';
import { LongVideo } from '../files/long_video.js';
import { Opening } from '../files/opening.js';
import { MaskFile } from '../files/mask_file.js';
import { SessionFile } from '../files/session_file.js';
import { Live } from '../live/live.js';
import { ObjectActions } from '../objects/actions.js';
import { Finding } from '../objects/finding.js';
import { ObjectList } from '../objects/list.js';
import { Comparison } from '../runs/comparison.js';
import { History } from '../runs/history.js';
import { Review } from '../runs/review.js';
import { Tracking } from '../runs/tracking.js';
import { Connection } from './connection.js';
import { Effort } from './effort.js';
import { ModelChoice } from './model_choice.js';
import { Status } from './status.js';
import { Tips } from './tips.js';
import { FrameJump } from '../timeline/frame_jump.js';
import { Player } from '../timeline/player.js';
import { Timeline } from '../timeline/timeline.js';
import { Candidates } from '../tools/candidates.js';
import { Editing } from '../tools/editing.js';
import { EncodingAhead } from '../tools/encoding_ahead.js';
import { Hover } from '../tools/hover.js';
import { KeyPointer } from '../tools/key_pointer.js';
import { MaskPicture } from '../tools/mask_picture.js';
import { Tools } from '../tools/tools.js';

export function buildParts(app) {
  buildPicture(app);
  buildPanels(app);
}

/** The image and the tools on it. */
function buildPicture(app) {
  const { find } = app;
  app.status = new Status(find);
  app.cache = new FrameCache((index, error) => app.onPicture(index, error));
  app.player = new Player(
    (frame) => app.show(frame, true),
    (frame) => Boolean(app.cache.get(frame)),
    (playing) => app.store.set('playing', playing),
  );
  app.editing = new Editing(app);
  app.stage = new Stage(find('stage'), find('canvas'), (id) => app.colorOf(id), {
    tool: () => app.tools.current,
    ready: () => app.project !== null && Boolean(app.cache.get(app.frame)),
    halt: () => app.halt(),
    moved: () => app.store.touch('view', 'gesture'),
    resized: () => app.store.touch('view'),
  });
  app.zoom = new ZoomBar(app.stage.view, () => app.store.touch('view'), find);
  app.tools = new Tools(app, find);
  app.hover = new Hover(app, find('preview'));
  app.encodingAhead = new EncodingAhead(app, (frame) => app.hover.encoded(frame));
  app.candidates = new Candidates(app, find('candidates'));
  app.maskPicture = new MaskPicture(app, find('mask-picture'), find('mask-file'));
  app.keyPointer = new KeyPointer(app, find('cross'));
}

/** The panels around the image. */
function buildPanels(app) {
  const { find } = app;
  const nameOf = (object) => app.project.nameOf(object);
  app.timeline = new Timeline(find, (id) => app.colorOf(id), nameOf, {
    seek: (frame) => app.seek(frame),
    goTo: (frame, object) => app.goTo(frame, object),
    changed: (topic) => app.store.touch(topic),
  });
  app.frameJump = new FrameJump(app, find);
  app.actions = new ObjectActions(app);
  app.objects = new ObjectList(app, find('objects'), find('object-menu'));
  app.finding = new Finding(app, find);
  app.history = new History(app, find);
  app.tracking = new Tracking(app, find);
  app.comparison = new Comparison(app, find);
  app.review = new Review(app, find);
  app.effects = new EffectMenu(app.settings.effects, find, {
    colorOf: (id) => app.colorOf(id),
    say: (text) => app.status.say(text),
    changed: () => app.store.touch('effects'),
  });
  app.downloads = new Downloads(app, find);
  app.longVideo = new LongVideo(app, find);
  app.sessionFile = new SessionFile(app, find);
  app.maskFile = new MaskFile(app, find);
  app.opening = new Opening(
    find,
    app.status,
    (video, hint) => app.open(video, hint),
    (file) => app.sessionFile.begin(file),
  );
  app.live = new Live(app, find);
  app.model = new ModelChoice(app, find);
  app.effort = new Effort(() => app.project, find);
  app.tips = new Tips(find);
  app.connection = new Connection(app);
}
