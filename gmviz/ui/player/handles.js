// Handles a visitor drags: a button lies over each drawn handle, so that finger, mouse and keyboard all reach it.

import { element } from "./elements.js";
import { projection } from "./frames.js";
import { clamp } from "./interpolate.js";

/** The buttons over the handles. `moved(name, x, y)` is called between `grabbed(held)` and `dropped()`. */
export class HandleButtons {
  constructor(root, { moved, grabbed, dropped }, signal) {
    this.root = root;
    this.moved = moved;
    this.grabbed = grabbed;
    this.dropped = dropped;
    this.signal = signal;
    this.buttons = [];
  }

  /** Take up new data. A button whose handle is still there stays, so that a drag survives the pictures it causes. */
  bind(animation, painters) {
    const before = this.buttons;
    this.buttons = [];
    animation.panels.forEach((panel, panelIndex) => {
      for (const layerIndex of panel.layers) {
        const layer = animation.layers[layerIndex];
        if (layer.kind !== "handles") continue;
        layer.names.forEach((name, index) => {
          const old = before.find((each) => each.name === name && each.panelIndex === panelIndex);
          const handle = old || this.make(name, panelIndex);
          const dragged = old && old.painter.dragged.get(old.index);
          Object.assign(handle, { panel, index, painter: painters[layerIndex], box: layer.box || panel.extent });
          if (dragged) handle.painter.dragged.set(index, dragged);
          this.buttons.push(handle);
        });
      }
    });
    for (const old of before) if (!this.buttons.includes(old)) old.button.remove();
  }

  make(name, panelIndex) {
    const button = element("button", { type: "button", className: "handle", title: `Drag ${name}` });
    const handle = { button, name, panelIndex, held: false };
    const signal = this.signal;
    button.addEventListener("pointerdown", (event) => this.grab(handle, event), { signal });
    button.addEventListener("pointermove", (event) => handle.held && this.drag(handle, event), { signal });
    for (const kind of ["pointerup", "pointercancel"]) {
      button.addEventListener(kind, () => handle.held && this.drop(handle), { signal });
    }
    button.addEventListener("keydown", (event) => this.nudge(handle, event), { signal });
    this.root.append(button);
    return handle;
  }

  /** The data has caught up: draw handles where it says. */
  release() {
    for (const { painter, held, index } of this.buttons) if (!held) painter.dragged.delete(index);
  }

  get held() {
    return this.buttons.some((handle) => handle.held);
  }

  grab(handle, event) {
    if (event.button) return;
    event.preventDefault();
    handle.button.setPointerCapture(event.pointerId);
    handle.button.focus({ preventScroll: true });
    handle.held = true;
    this.grabbed(true);
  }

  drop(handle) {
    handle.held = false;
    this.dropped();
  }

  drag(handle, event) {
    const rect = handle.button.parentElement.getBoundingClientRect();
    const to = projection(handle.panel.extent, handle.frame);
    this.put(handle, to.toX((event.clientX - rect.left) / this.zoom), to.toY((event.clientY - rect.top) / this.zoom));
  }

  nudge(handle, event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key] || [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    event.stopPropagation();
    this.grabbed(false);
    const [x0, x1, y0, y1] = handle.panel.extent;
    const by = event.shiftKey ? 0.05 : 0.01;
    const { places } = handle.painter;
    this.put(handle, places[2 * handle.index] + dx * by * (x1 - x0), places[2 * handle.index + 1] + dy * by * (y1 - y0));
  }

  /** A click on a panel with a single handle brings the handle there. */
  fetch(point) {
    const own = point ? this.buttons.filter((handle) => handle.panelIndex === point.panel) : [];
    if (own.length !== 1) return;
    this.grabbed(false);
    this.put(own[0], point.x, point.y);
  }

  put(handle, x, y) {
    const [x0, x1, y0, y1] = handle.box;
    const place = [clamp(x, x0, x1), clamp(y, y0, y1)];
    handle.painter.dragged.set(handle.index, place);
    this.moved(handle.name, ...place);
  }

  /** Lay the buttons over the drawn handles. */
  place(cells, zoom) {
    this.zoom = zoom;
    for (const handle of this.buttons) {
      handle.frame = cells[handle.panelIndex].frame;
      const to = projection(handle.panel.extent, handle.frame);
      const x = handle.painter.places[2 * handle.index];
      const y = handle.painter.places[2 * handle.index + 1];
      handle.button.style.transform = `translate(${(to.x(x) * zoom).toFixed(1)}px, ${(to.y(y) * zoom).toFixed(1)}px)`;
      const words = `${handle.name} at ${x.toFixed(2)}, ${y.toFixed(2)}; move with the arrow keys`;
      if (handle.words !== words) handle.button.setAttribute("aria-label", (handle.words = words));
    }
  }
}
