// Mouse, touch and wheel over the image: the tool's gestures, zoom and pan.

const DRAG_PX = 6;
const TOUCH_DRAG_PX = 10;
const HOLD_MS = 500;
const DOUBLE_CLICK_MS = 350;
const WHEEL_ZOOM = 0.0018;

/** Returns whether a click is of the opposite kind; on a Mac, Ctrl + click is the right click. */
export function isOther({ button, buttons, altKey, ctrlKey, shiftKey }) {
  return button === 2 || (buttons & 2) !== 0 || altKey || ctrlKey || shiftKey;
}

export class Pointer {
  /**
   * `act` has tool(), which begins a gesture with begin(press) and follows the pointer with
   * hover(press) and leave(); ready(), whether there is a frame to work on; halt(), which stops
   * playback; and moved(), called after each change.
   * A press is the place in pixels of the video (x, y) and of the canvas (left, top), with
   * `other` for the opposite kind of click, `touch`, `far` once it has become a drag, and `again`
   * if it is the second press of a double click.
   */
  constructor(element, canvas, view, act) {
    this.element = element;
    this.canvas = canvas;
    this.view = view;
    this.act = act;
    this.touches = new Map();
    this.gesture = null;
    this.handHeld = false;
    this.listen();
    this.listenToHand();
  }

  listen() {
    const { element } = this;
    element.addEventListener('contextmenu', (event) => event.preventDefault());
    element.addEventListener('pointerdown', (event) => this.down(event));
    element.addEventListener('pointermove', (event) => this.move(event));
    element.addEventListener('pointerup', (event) => this.up(event));
    element.addEventListener('pointercancel', (event) => {
      this.touches.delete(event.pointerId);
      this.cancel();
    });
    element.addEventListener('pointerleave', () => this.gesture || this.act.tool().leave());
    element.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
  }

  /** While H is held, a drag moves the picture. */
  listenToHand() {
    const isTyping = (target) =>
      target.closest && target.closest('input, select, textarea, dialog');
    const hold = (held) => {
      this.handHeld = held;
      this.element.classList.toggle('s2-hand', held);
    };
    document.addEventListener('keydown', (event) => {
      this.released = null; // a key between two clicks: no double click
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.key.toLowerCase() === 'h' && isPlain && !isTyping(event.target)) hold(true);
    });
    document.addEventListener(
      'pointerdown',
      (event) => {
        if (!this.element.contains(event.target)) this.released = null;
      },
      true,
    );
    document.addEventListener('keyup', (event) => {
      if (event.key.toLowerCase() === 'h') hold(false);
    });
    window.addEventListener('blur', () => hold(false));
  }

  press(event) {
    const box = this.canvas.getBoundingClientRect();
    const left = event.clientX - box.left;
    const top = event.clientY - box.top;
    return {
      ...this.view.toVideo(left, top),
      left,
      top,
      other: isOther(event),
      touch: event.pointerType === 'touch',
      far: Boolean(this.gesture && this.gesture.far),
      again: this.isAgain(event),
    };
  }

  isAgain({ timeStamp, clientX, clientY, pointerType, button }) {
    const { released } = this;
    return (
      Boolean(released) &&
      timeStamp - released.timeStamp < DOUBLE_CLICK_MS &&
      button === released.button &&
      Math.hypot(clientX - released.clientX, clientY - released.clientY) <=
        (pointerType === 'touch' ? 2 * TOUCH_DRAG_PX : DRAG_PX)
    );
  }

  down(event) {
    if (!this.act.ready() || event.target.closest('button')) return;
    if (event.pointerType === 'touch') {
      this.touches.set(event.pointerId, event);
      if (this.touches.size === 2) this.beginPinch();
      if (this.touches.size > 1) return;
    }
    if (this.gesture || event.button > 2) return;
    event.preventDefault();
    this.act.halt();
    this.canvas.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const isPan = event.button === 1 || (this.handHeld && event.button === 0);
    const press = this.press(event);
    const work = isPan ? this.panning(event) : this.act.tool().begin(press);
    if (!work) return;
    this.gesture = { work, id: event.pointerId, startX: event.clientX, startY: event.clientY };
    if (press.touch && work.hold) this.waitForHold();
    this.act.moved();
  }

  waitForHold() {
    const { gesture } = this;
    gesture.timer = setTimeout(() => {
      if (this.gesture !== gesture || gesture.far) return;
      this.gesture = null;
      gesture.work.hold();
      if (navigator.vibrate) navigator.vibrate(15);
    }, HOLD_MS);
  }

  move(event) {
    if (this.touches.has(event.pointerId)) this.touches.set(event.pointerId, event);
    const { gesture } = this;
    if (this.pinch) this.movePinch();
    else if (gesture) this.moveGesture(gesture, event);
    else if (this.act.ready() && event.pointerType !== 'touch') {
      this.act.tool().hover(this.press(event));
    }
  }

  moveGesture(gesture, event) {
    if (event.pointerId !== gesture.id) return;
    const way = Math.hypot(event.clientX - gesture.startX, event.clientY - gesture.startY);
    if (way > (event.pointerType === 'touch' ? TOUCH_DRAG_PX : DRAG_PX)) gesture.far = true;
    const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of passed.length ? passed : [event]) gesture.work.move(this.press(one), one);
    this.act.moved();
  }

  up(event) {
    this.touches.delete(event.pointerId);
    if (this.touches.size < 2) this.pinch = null;
    const { gesture } = this;
    if (!gesture || gesture.id !== event.pointerId) return;
    clearTimeout(gesture.timer);
    const press = this.press(event);
    this.gesture = null;
    this.released = event;
    gesture.work.end(press);
    this.act.moved();
  }

  /** Undoes a gesture that has begun. */
  cancel() {
    const { gesture } = this;
    this.gesture = null;
    if (gesture) {
      clearTimeout(gesture.timer);
      if (gesture.work.cancel) gesture.work.cancel();
    }
    this.act.moved();
  }

  panning(event) {
    let from = event;
    return {
      move: (press, to) => {
        this.view.pan(to.clientX - from.clientX, to.clientY - from.clientY);
        from = to;
      },
      end: () => {},
    };
  }

  /** Pinch: what is under the fingers stays under them. */
  beginPinch() {
    this.cancel();
    this.pinch = this.fingers();
  }

  fingers() {
    const box = this.canvas.getBoundingClientRect();
    const [one, other] = [...this.touches.values()];
    return {
      x: (one.clientX + other.clientX) / 2 - box.left,
      y: (one.clientY + other.clientY) / 2 - box.top,
      apart: Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)),
    };
  }

  movePinch() {
    const before = this.pinch;
    const now = (this.pinch = this.fingers());
    this.view.pan(now.x - before.x, now.y - before.y);
    this.view.zoomBy(now.apart / before.apart, now.x, now.y);
    this.act.moved();
  }

  /** When zoomed out fully, the wheel scrolls the page. */
  wheel(event) {
    if (!this.act.ready()) return;
    const box = this.canvas.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    const strength = WHEEL_ZOOM * (event.ctrlKey ? 5 : 1); // trackpads pinch in small steps
    const factor = Math.exp(-event.deltaY * lines * strength);
    const zoomed = this.view.zoomBy(factor, event.clientX - box.left, event.clientY - box.top);
    if (zoomed || this.view.zoom > 1 || event.ctrlKey) event.preventDefault();
    if (zoomed) this.act.moved();
  }
}
