// The timeline: one lane for each object (how sure the model is), marks on prompted frames,
// and the frame on show.

const LANE = 9;
const LANE_GAP = 4;
const MARKS = 12;
const SIDE = 7;

class Timeline {
  constructor(canvas, colorOf, onSeek) {
    this.canvas = canvas;
    this.colorOf = colorOf;
    this.frames = 1;
    let dragging = false;
    const seek = (event) => onSeek(this.frameAt(event.clientX));
    canvas.addEventListener('pointerdown', (event) => {
      dragging = true;
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener('pointermove', (event) => dragging && seek(event));
    for (const end of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(end, () => { dragging = false; });
    }
  }

  frameAt(clientX) {
    const box = this.canvas.getBoundingClientRect();
    const share = (clientX - box.left - SIDE) / (box.width - 2 * SIDE);
    return Math.max(0, Math.min(this.frames - 1, Math.floor(share * this.frames)));
  }

  draw(project, frame, label) {
    this.frames = project.video.frames;
    const lanes = project.objects.length;
    const height = MARKS + lanes * LANE + (lanes - 1) * LANE_GAP + 8;
    this.canvas.style.height = `${height}px`;
    const width = this.canvas.clientWidth, ratio = window.devicePixelRatio || 1;
    if (!width) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const perFrame = (width - 2 * SIDE) / this.frames;
    const left = (index) => SIDE + index * perFrame;
    project.objects.forEach((object, lane) => {
      const top = MARKS + lane * (LANE + LANE_GAP);
      pen.fillStyle = style.getPropertyValue('--s2-lane');
      pen.beginPath();
      pen.roundRect(SIDE, top, width - 2 * SIDE, LANE, 3);
      pen.fill();
      this.drawLane(pen, project, object.id, top, left);
    });
    this.drawMarks(pen, project, left, perFrame, style);
    this.drawHead(pen, left(frame) + perFrame / 2, height, style);
    this.canvas.setAttribute('aria-valuemax', this.frames);
    this.canvas.setAttribute('aria-valuenow', frame + 1);
    this.canvas.setAttribute('aria-valuetext', label);
  }

  /** Paler where the model is less sure; only a thin line where it says the object is hidden. */
  drawLane(pen, project, id, top, left) {
    pen.fillStyle = `rgb(${this.colorOf(id).join(',')})`;
    for (const [frame, objects] of project.masks) {
      const mask = objects.get(id);
      if (!mask) continue;
      const hidden = mask.area === 0;
      pen.globalAlpha = hidden ? 0.8 : 0.35 + 0.65 * Math.max(0, Math.min(1, mask.iou));
      const inset = hidden ? LANE / 2 - 1 : 0;
      const x = Math.floor(left(frame)), end = Math.max(x + 1, Math.floor(left(frame + 1)));
      pen.fillRect(x, top + inset, end - x, LANE - 2 * inset);
    }
    pen.globalAlpha = 1;
  }

  drawMarks(pen, project, left, perFrame, style) {
    const rows = new Map(project.objects.map((object, lane) => [object.id, lane]));
    for (const prompt of project.prompts.values()) {
      const x = left(prompt.frame) + perFrame / 2;
      const y = MARKS + rows.get(prompt.object) * (LANE + LANE_GAP) + LANE / 2;
      pen.beginPath();
      pen.moveTo(x, y - 6);
      pen.lineTo(x + 5, y);
      pen.lineTo(x, y + 6);
      pen.lineTo(x - 5, y);
      pen.closePath();
      pen.fillStyle = `rgb(${this.colorOf(prompt.object).join(',')})`;
      pen.fill();
      pen.lineWidth = 1.5;
      pen.strokeStyle = style.getPropertyValue('--s2-card');
      pen.stroke();
    }
  }

  drawHead(pen, x, height, style) {
    pen.fillStyle = style.getPropertyValue('--s2-text');
    pen.fillRect(x - 1, 4, 2, height - 6);
    pen.beginPath();
    pen.moveTo(x - 6, 1);
    pen.lineTo(x + 6, 1);
    pen.lineTo(x, 9);
    pen.closePath();
    pen.fill();
  }
}
