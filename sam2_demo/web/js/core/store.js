// The page's state, split into topics, and the subscribers that are told when one changes.

export class Store {
  /**
   * `state` holds the initial value of every topic. `schedule(act)` runs `act` once, soon;
   * everything that changes until then is reported in one go.
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

  /** Sets a topic's value; setting the same value again is not a change. */
  set(topic, value) {
    if (Object.is(this.get(topic), value)) return;
    this.state[topic] = value;
    this.touch(topic);
  }

  /** Reports a change to topics whose value lives elsewhere and is changed in place. */
  touch(...topics) {
    this.check(topics);
    for (const topic of topics) this.changed.add(topic);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.schedule(() => this.tell());
  }

  /**
   * Calls `react` after any of these topics changed. Subscribers are called in the order in which
   * they subscribed. Returns a function that ends the subscription.
   */
  subscribe(topics, react) {
    this.check(topics);
    const subscriber = { topics: new Set(topics), react };
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  tell() {
    const { changed } = this;
    this.changed = new Set(); // what a subscriber changes is reported next time
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
