// The one clock of a view: where the play-head is and where it goes.

import { clamp } from "./interpolate.js";

/** A play-head over `steps` frames; a whole run takes `seconds` at speed 1. At rest it stands on a whole step. */
export class Clock {
  constructor(steps, seconds) {
    this.position = 0;
    this.playing = false;
    this.speed = 1;
    this.loop = false;
    this.target = null; // where playing stops, the end if null
    this.afterwards = null; // where the play-head goes once it has stopped
    this.resize(steps, seconds);
  }

  resize(steps, seconds) {
    this.last = Math.max(0, steps - 1);
    this.seconds = seconds;
    this.position = clamp(this.position, 0, this.last);
    if (this.target !== null) this.target = clamp(this.target, 0, this.last);
  }

  /** Play on from here, from the start if at the end. */
  play() {
    this.target = this.afterwards = null;
    if (this.position >= this.last) this.position = 0;
    this.playing = this.last > 0;
  }

  /** Play from the start to `target` and stop; if that is the start itself, play everything and come back to it. */
  playTo(target) {
    this.position = 0;
    this.target = target > 0 ? clamp(target, 0, this.last) : null;
    this.afterwards = target > 0 ? null : 0;
    this.playing = this.last > 0;
  }

  pause() {
    this.playing = false;
    this.target = this.afterwards = null;
    this.position = clamp(Math.round(this.position), 0, this.last);
  }

  seek(position) {
    this.position = position;
    this.pause();
  }

  step(by) {
    const from = by > 0 ? Math.floor(this.position) : Math.ceil(this.position);
    this.seek(from + by);
  }

  /** Move on by `seconds` of real time, never backwards; stops or wraps at the end. */
  advance(seconds) {
    if (!this.playing) return;
    const pace = (this.last / this.seconds) * this.speed;
    const next = this.position + pace * clamp(seconds, 0, 0.25);
    const end = this.target === null ? this.last : this.target;
    if (next < end) this.position = next;
    else if (this.loop && this.target === null && this.afterwards === null) this.position = (next - end) % Math.max(this.last, 1);
    else this.seek(this.afterwards === null ? end : this.afterwards);
  }
}
