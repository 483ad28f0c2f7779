// Text, colours and shapes on a 2-D canvas.

/** The font of the canvas: size in CSS pixels, weight, family. */
export function setFont(ctx, look, size, weight = 400) {
  ctx.font = `${weight} ${size}px ${look.font}`;
}

/** `text`, shortened with an ellipsis to fit `width`. */
export function fitted(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let short = text;
  while (short && ctx.measureText(`${short}…`).width > width) short = short.slice(0, -1);
  return short ? `${short.trimEnd()}…` : "";
}

/** A number with every digit in a column of its own, so that it does not tremble while it runs; gives its width. */
export function drawTabular(ctx, text, x, y) {
  const column = ctx.measureText("0").width;
  let at = x;
  for (const character of text) {
    const width = ctx.measureText(character).width;
    const isDigit = character >= "0" && character <= "9";
    ctx.fillText(character, at + (isDigit ? (column - width) / 2 : 0), y);
    at += isDigit ? column : width;
  }
  return at - x;
}

/** Text on a halo of paper, readable over any map. */
export function drawHaloText(ctx, look, text, x, y) {
  ctx.lineJoin = "round";
  ctx.lineWidth = 4;
  ctx.strokeStyle = look.paper;
  ctx.globalAlpha = 0.85;
  ctx.strokeText(text, x, y);
  ctx.globalAlpha = 1;
  ctx.fillText(text, x, y);
}

export function roundedPath(ctx, { x, y, w, h }, radius) {
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, radius);
}

/** KL's round mark or Fisher's diamond. */
export function drawMark(ctx, mark, x, y, radius, fill, paper) {
  ctx.beginPath();
  if (mark === "diamond") {
    const r = radius * 1.25;
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
  } else ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.fill();
  if (paper) {
    ctx.lineWidth = 1.5;
    ctx.strokeStyle = paper;
    ctx.stroke();
  }
}

/** "#rrggbb" as [r, g, b]. */
export function rgbOf(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** Is a CSS colour (#hex or rgb()) dark? */
export function isDark(css) {
  const text = css.trim();
  const short = /^#[0-9a-f]{3}$/i.test(text);
  const hex = short ? `#${[...text.slice(1)].map((c) => c + c).join("")}` : text;
  const rgb = /^#[0-9a-f]{6}/i.test(hex) ? rgbOf(hex) : (text.match(/[\d.]+/g) || []).slice(0, 3).map(Number);
  if (rgb.length < 3) return false;
  return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2] < 128;
}

export const DASH = [6, 4];

/** Stroke a path in its layer's colour, dashed if it is; on a halo of paper where it crosses maps. */
export function strokeLine(ctx, path, layer, look, halo) {
  ctx.lineJoin = "round";
  if (halo) {
    ctx.globalAlpha = 0.8;
    ctx.lineWidth = layer.width + 2;
    ctx.strokeStyle = look.paper;
    ctx.stroke(path);
    ctx.globalAlpha = 1;
  }
  ctx.setLineDash(layer.dashed ? DASH : []);
  ctx.lineWidth = layer.width;
  ctx.strokeStyle = layer.colour[look.theme];
  ctx.stroke(path);
  ctx.setLineDash([]);
}
