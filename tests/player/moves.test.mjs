import assert from "node:assert/strict";
import test from "node:test";

import { Moves } from "../../gmviz/ui/player/moves.js";

function recorded() {
  const sent = [];
  const timers = [];
  const moves = new Moves((message) => sent.push(message), (act) => timers.push(act), () => timers.pop());
  return { sent, timers, moves };
}

test("one message is under way at a time and the last place arrives", () => {
  const { sent, moves } = recorded();
  for (let i = 0; i < 10; i++) moves.move("a", i, 2 * i);
  assert.deepEqual(sent.map(({ positions }) => positions), [{ a: [0, 0] }]);
  assert.equal(moves.answered(sent[0].id), false);
  assert.deepEqual(sent[1].positions, { a: [9, 18] });
  assert.equal(moves.answered(sent[1].id), true);
  assert.equal(sent.length, 2);
  assert.notEqual(sent[0].id, sent[1].id);
});

test("moves of several handles travel together", () => {
  const { sent, moves } = recorded();
  moves.move("a", 0, 0);
  moves.move("a", 1, 1);
  moves.move("b", 2, 2);
  moves.answered(sent[0].id);
  assert.deepEqual(sent[1].positions, { a: [1, 1], b: [2, 2] });
});

test("another message's answer changes nothing; a lost answer does not block for ever", () => {
  const { sent, timers, moves } = recorded();
  moves.move("a", 0, 0);
  moves.move("a", 5, 5);
  moves.answered("somebody else's");
  moves.answered(null);
  assert.equal(sent.length, 1);
  timers[0]();
  assert.deepEqual(sent[1].positions, { a: [5, 5] });
});

test("a lifted finger sends what it moved once more, for good", () => {
  const { sent, moves } = recorded();
  moves.hold();
  moves.move("a", 1, 1, 8);
  moves.drop();
  moves.answered(sent[0].id);
  assert.deepEqual(sent.map(({ positions, at, held }) => [positions, at, held]), [
    [{ a: [1, 1] }, 8, true],
    [{ a: [1, 1] }, 8, false],
  ]);
  moves.answered(sent[1].id);
  moves.hold();
  moves.drop();
  assert.equal(sent.length, 2, "a handle that was only touched says nothing");
});
