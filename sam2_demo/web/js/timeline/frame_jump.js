// Go to a frame by number: the frame label turns into an input field.

export class FrameJump {
  /** `app` gives project, frame, seek and stage. */
  constructor(app, find) {
    this.app = app;
    this.note = find('frame-note');
    this.field = find('frame-number');
    this.note.onclick = () => this.open();
    this.field.onblur = () => this.close();
    this.field.onkeydown = (event) => this.press(event);
  }

  open() {
    const { project, frame } = this.app;
    if (project.video.subject === 'image') return;
    this.field.max = project.video.frames;
    this.field.value = frame + 1;
    this.note.hidden = true;
    this.field.hidden = false;
    this.field.select();
  }

  press(event) {
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    event.stopPropagation(); // Escape would stop a propagation
    const number = Math.round(this.field.valueAsNumber);
    if (event.key === 'Enter' && number >= 1) this.app.seek(number - 1);
    this.app.stage.canvas.focus({ preventScroll: true });
  }

  close() {
    this.field.hidden = true;
    this.note.hidden = false;
  }
}
