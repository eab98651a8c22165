// One picture at a time: the next one is sent once the answer to the last has come.

export class NewestOnly {
  /**
   * `send(picture)` sends a picture and resolves once it was answered; it must not reject.
   * `isHeld()` returns whether sending has to wait for something else.
   */
  constructor(send, isHeld = () => false) {
    this.send = send;
    this.isHeld = isHeld;
    this.waiting = null; // the newest picture that was not sent
    this.answered = null; // a promise of the answer that is awaited
    this.dropped = 0;
    this.isOver = false;
  }

  /** Sends a picture now, or keeps it until that is possible; an older one is dropped for it. */
  offer(picture) {
    if (this.isOver) return;
    if (this.waiting !== null) this.dropped++;
    this.waiting = picture;
    this.next();
  }

  next() {
    if (this.answered || this.waiting === null || this.isHeld()) return;
    const picture = this.waiting;
    this.waiting = null;
    this.answered = this.send(picture).then(() => {
      this.answered = null;
      this.next();
    });
  }

  /** Sends nothing more; resolves once the last picture was answered. */
  async end() {
    this.isOver = true;
    this.waiting = null;
    await this.answered;
  }
}
