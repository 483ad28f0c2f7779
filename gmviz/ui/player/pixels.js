// Discs and streaks written straight into pixels: thousands of canvas calls per picture would cost the frame rate.

/** Lay a colour of coverage `cover` over the pixel at byte `at` of RGBA data (straight alpha). */
function blend(data, at, red, green, blue, cover) {
  const alpha = data[at + 3];
  if (alpha === 0) {
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    data[at + 3] = 255 * cover;
    return;
  }
  const under = (alpha / 255) * (1 - cover);
  const sum = cover + under;
  data[at] = (red * cover + data[at] * under) / sum;
  data[at + 1] = (green * cover + data[at + 1] * under) / sum;
  data[at + 2] = (blue * cover + data[at + 2] * under) / sum;
  data[at + 3] = 255 * sum;
}

/** A smooth disc around (x, y), in pixels. */
export function paintDisc(image, x, y, radius, [red, green, blue], opacity) {
  const { data, width, height } = image;
  const outer = radius + 0.5;
  const inner = Math.max(0, radius - 0.5);
  const left = Math.max(0, Math.floor(x - outer));
  const right = Math.min(width - 1, Math.floor(x + outer));
  const upper = Math.max(0, Math.floor(y - outer));
  const lower = Math.min(height - 1, Math.floor(y + outer));
  for (let row = upper; row <= lower; row++) {
    const dy = row + 0.5 - y;
    for (let column = left; column <= right; column++) {
      const dx = column + 0.5 - x;
      const square = dx * dx + dy * dy;
      if (square >= outer * outer) continue;
      const cover = square <= inner * inner ? opacity : Math.min(1, outer - Math.sqrt(square)) * opacity;
      blend(data, 4 * (row * width + column), red, green, blue, cover);
    }
  }
}

/** A smooth streak of one pixel's width from (x0, y0) to (x1, y1). */
export function paintStreak(image, x0, y0, x1, y1, [red, green, blue], opacity) {
  const { data, width, height } = image;
  const steep = Math.abs(y1 - y0) > Math.abs(x1 - x0);
  const along = steep ? y1 - y0 : x1 - x0;
  const across = steep ? x1 - x0 : y1 - y0;
  const steps = Math.ceil(Math.abs(along));
  if (steps === 0 || steps > width + height) return;
  for (let i = 0; i < steps; i++) {
    const share = (i + 0.5) / steps;
    const a = Math.floor((steep ? y0 : x0) + share * along);
    const b = (steep ? x0 : y0) + share * across - 0.5;
    const whole = Math.floor(b);
    for (let k = 0; k < 2; k++) {
      const column = steep ? whole + k : a;
      const row = steep ? a : whole + k;
      if (column < 0 || column >= width || row < 0 || row >= height) continue;
      const cover = (k ? b - whole : 1 - b + whole) * opacity;
      if (cover > 0.004) blend(data, 4 * (row * width + column), red, green, blue, cover);
    }
  }
}

/** A canvas of `width` x `height` pixels with its own pixel buffer. */
export function pixelCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d");
  const image = ctx.createImageData(width, height);
  return { canvas, ctx, image, words: new Uint32Array(image.data.buffer) };
}
