// Reads the messages of gmviz/figures/packing.py (the format is written there).

const ARRAY_TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, f4: Float32Array, f8: Float64Array };

/** One framed message: its JSON header and the bytes that follow. */
export function unframe(bytes) {
  if (!(bytes instanceof Uint8Array)) throw new Error("the picture's data did not arrive as bytes");
  if (bytes.byteLength < 4) throw new Error("the picture's data is empty");
  const n = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (4 + n > bytes.byteLength) throw new Error("the picture's data is cut short");
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + n)));
  return { header, body: bytes.subarray(4 + n) };
}

/** The typed array a header entry names: a view of the message, copied only if the message is not aligned. */
function arrayAt(body, entry) {
  const Type = ARRAY_TYPES[entry.type];
  const length = entry.shape.reduce((product, n) => product * n, 1);
  const end = entry.at + length * (Type ? Type.BYTES_PER_ELEMENT : 0);
  if (!Type || end > body.byteLength) throw new Error("the picture's data is cut short");
  return { data: new Type(body.buffer, body.byteOffset + entry.at, length), shape: entry.shape };
}

/** `header` with every named array in its place. */
function withArrays(header, body) {
  if (Array.isArray(header)) return header.map((each) => withArrays(each, body));
  if (header === null || typeof header !== "object") return header;
  if ("at" in header && "shape" in header) return arrayAt(body, header);
  return Object.fromEntries(Object.entries(header).map(([name, value]) => [name, withArrays(value, body)]));
}

/** A packed animation as an object of typed arrays. */
export function unpack(bytes) {
  const { header, body } = unframe(bytes);
  const aligned = body.byteOffset % 8 ? body.slice() : body;
  return withArrays(header, aligned);
}

/** What the page sends: the player's options around a packed animation. */
export function unpackMessage(bytes) {
  const { header, body } = unframe(bytes);
  return { options: header, animation: unpack(body) };
}
