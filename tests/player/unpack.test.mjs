import assert from "node:assert/strict";
import test from "node:test";

import { unframe, unpack, unpackMessage } from "../../gmviz/ui/player/unpack.js";

/** The format by hand: [u32 n][JSON, padded][arrays at multiples of 8]. */
function framed(header, body = new Uint8Array()) {
  let text = JSON.stringify(header);
  while ((4 + text.length) % 8) text += " ";
  const out = new Uint8Array(4 + text.length + body.length);
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(new TextEncoder().encode(text), 4);
  out.set(body, 4 + text.length);
  return out;
}

const numbers = new Float64Array([1.5, -2, Infinity]);
const body = new Uint8Array(numbers.buffer);
const header = { axis: { values: { at: 0, type: "f8", shape: [3] } }, list: [{ at: 8, type: "u2", shape: [2, 2] }], none: null };

test("arrays come back where the header names them", () => {
  const { axis, list, none } = unpack(framed(header, body));
  assert.deepEqual([...axis.values.data], [1.5, -2, Infinity]);
  assert.deepEqual(axis.values.shape, [3]);
  assert.deepEqual([...list[0].data], [...new Uint16Array(numbers.buffer, 8, 4)]);
  assert.equal(none, null);
});

test("a message at an odd place of its buffer reads the same", () => {
  const message = framed(header, body);
  const shifted = new Uint8Array(message.length + 3);
  shifted.set(message, 3);
  assert.deepEqual([...unpack(shifted.subarray(3)).axis.values.data], [...numbers]);
});

test("an aligned message is viewed, not copied", () => {
  const message = framed(header, body);
  assert.equal(unpack(message).axis.values.data.buffer, message.buffer);
});

test("options surround an animation", () => {
  const { options, animation } = unpackMessage(framed({ at: 8, veiled: false }, framed(header, body)));
  assert.deepEqual(options, { at: 8, veiled: false });
  assert.deepEqual([...animation.axis.values.data], [...numbers]);
});

test("what is not a whole message is refused in words", () => {
  assert.throws(() => unframe(new Uint8Array(2)), /empty/);
  assert.throws(() => unframe("text"), /did not arrive as bytes/);
  assert.throws(() => unframe(framed(header).subarray(0, 20)), /cut short/);
  assert.throws(() => unpack(framed(header, body.subarray(0, 16))), /cut short/);
});
