// The page's state by topics, and who is told when one of them changes.

export class Store {
  /**
   * `state` holds the first value of every topic there is. `schedule(act)` runs `act` once, soon;
   * whatever changes until then is told in one go.
   */
  constructor(state, schedule = (act) => requestAnimationFrame(act)) {
    this.state = { ...state };
    this.schedule = schedule;
    this.subscribers = new Set();
    this.changed = new Set();
    this.isScheduled = false;
  }

  get(topic) {
    this.check([topic]);
    return this.state[topic];
  }

  /** Sets the value of a topic; nobody is told of one that it has already. */
  set(topic, value) {
    if (Object.is(this.get(topic), value)) return;
    this.state[topic] = value;
    this.touch(topic);
  }

  /** Says that something about these topics changed, where that is not in their value. */
  touch(...topics) {
    this.check(topics);
    for (const topic of topics) this.changed.add(topic);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.schedule(() => this.tell());
  }

  /**
   * Calls `react` after one or more of these topics changed. Subscribers are called in the order
   * in which they came; returns what ends the subscription.
   */
  subscribe(topics, react) {
    this.check(topics);
    const subscriber = { topics: new Set(topics), react };
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  tell() {
    const { changed } = this;
    this.changed = new Set(); // what a subscriber changes is told the next time
    this.isScheduled = false;
    for (const { topics, react } of [...this.subscribers]) {
      if ([...changed].some((topic) => topics.has(topic))) react();
    }
  }

  check(topics) {
    const unknown = topics.filter((topic) => !Object.hasOwn(this.state, topic));
    if (unknown.length) throw new Error(`there is no topic ${unknown.join(', ')}`);
  }
}
