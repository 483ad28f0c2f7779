// Dragged handles: at most one message to the server under way, and always the last place arrives.

const PATIENCE = 5000; // ms after which an unanswered message no longer holds back the next

/**
 * Sends { id, positions, at, held } through `send`: places by handle, the swept value they belong to, and whether a
 * finger still holds one. `answered(id)` says that the server has seen message `id`.
 */
export class Moves {
  constructor(send, later = (act, ms) => setTimeout(act, ms), cancel = (timer) => clearTimeout(timer)) {
    this.send = send;
    this.later = later;
    this.cancel = cancel;
    this.positions = {};
    this.last = {};
    this.at = null;
    this.held = false;
    this.underway = null;
    this.waiting = false;
    this.timer = null;
    this.count = 0;
    this.session = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
  }

  move(name, x, y, at) {
    this.positions = { ...this.positions, [name]: [x, y] };
    this.last = { ...this.last, [name]: [x, y] };
    this.at = at;
    this.waiting = true;
    this.flush();
  }

  hold() {
    this.held = true;
    this.last = {};
  }

  /** The finger is lifted: what was moved is sent once more, now for good. */
  drop() {
    this.held = false;
    if (!Object.keys(this.last).length) return;
    this.positions = { ...this.last, ...this.positions };
    this.waiting = true;
    this.flush();
  }

  flush() {
    if (!this.waiting || this.underway !== null) return;
    this.waiting = false;
    this.underway = `${this.session}-${++this.count}`;
    const positions = this.positions;
    this.positions = {};
    this.timer = this.later(() => this.answered(this.underway), PATIENCE);
    this.send({ id: this.underway, positions, at: this.at, held: this.held });
  }

  /** True once nothing is under way or waiting any more. */
  answered(id) {
    if (id !== null && id === this.underway) {
      this.cancel(this.timer);
      this.underway = null;
      this.flush();
    }
    return this.settled;
  }

  get settled() {
    return this.underway === null && !this.waiting;
  }

  stop() {
    this.cancel(this.timer);
  }
}
