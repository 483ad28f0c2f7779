import assert from "node:assert/strict";
import test from "node:test";

import { Clock } from "../../gmviz/ui/player/clock.js";

test("a run takes its seconds, twice as fast at speed 2, and ends on the last step", () => {
  for (const speed of [1, 2]) {
    const clock = new Clock(41, 4);
    clock.speed = speed;
    clock.play();
    let seconds = 0;
    for (; clock.playing; seconds += 1 / 60) clock.advance(1 / 60);
    assert.ok(Math.abs(seconds - 4 / speed) < 0.02);
    assert.equal(clock.position, 40);
  }
});

test("playing to a poster stops exactly there; a poster at the start comes after the whole run", () => {
  const clock = new Clock(41, 1);
  clock.playTo(30);
  for (let i = 0; i < 1000; i++) clock.advance(0.01);
  assert.equal(clock.position, 30);
  clock.playTo(0);
  let farthest = 0;
  for (let i = 0; i < 1000; i++) {
    clock.advance(0.01);
    farthest = Math.max(farthest, clock.position);
  }
  assert.ok(farthest > 39);
  assert.equal(clock.position, 0);
  assert.equal(clock.playing, false);
});

test("time never runs backwards and a long sleep is not made up for", () => {
  const clock = new Clock(11, 10);
  clock.seek(5);
  clock.play();
  for (const wild of [-3, NaN, -Infinity]) clock.advance(wild);
  assert.equal(clock.position, 5);
  clock.advance(1e6);
  assert.ok(clock.position <= 5.25);
});

test("steps are whole, held within the run, and stop it", () => {
  const clock = new Clock(5, 1);
  clock.position = 1.4;
  clock.playing = true;
  clock.step(1);
  assert.deepEqual([clock.position, clock.playing], [2, false]);
  clock.step(-1);
  clock.step(-1);
  clock.step(-1);
  assert.equal(clock.position, 0);
  clock.seek(99);
  assert.equal(clock.position, 4);
  clock.play(); // at the end: from the start
  assert.equal(clock.position, 0);
});

test("repeating wraps without a drift", () => {
  const clock = new Clock(11, 1);
  clock.loop = true;
  clock.play();
  for (let i = 0; i < 100000; i++) {
    clock.advance(0.0137);
    assert.ok(clock.position >= 0 && clock.position < 10);
  }
  const turns = (100000 * 0.0137 * 10) % 10;
  assert.ok(Math.abs(clock.position - turns) < 1e-6);
});

test("one step alone never plays", () => {
  const clock = new Clock(1, 1);
  clock.play();
  clock.playTo(3);
  assert.deepEqual([clock.position, clock.playing], [0, false]);
});
