// Small charts. Their numbers are beside them as text; a label tells the shape to screen readers.

import { drawn } from "./dom.js";
import { place } from "./rates.js";

const [WIDTH, HEIGHT] = [240, 48];

const chart = (label, ...children) =>
  drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label, class: "chart" }, ...children);

/** A curve of values of equal spacing, the newest at the right end, of room for `room` values. */
export function curve(values, room, label) {
  const highest = Math.max(1e-9, ...values);
  const point = (value, index) => {
    const x = WIDTH - ((values.length - 1 - index) * WIDTH) / (room - 1);
    return `${x.toFixed(1)},${(HEIGHT - 3 - ((HEIGHT - 8) * value) / highest).toFixed(1)}`;
  };
  const points = values.map(point);
  const shape = [];
  if (points.length > 1) {
    const [first] = points[0].split(",");
    shape.push(
      drawn("polygon", { points: `${first},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`, class: "area" }),
      drawn("polyline", { points: points.join(" "), class: "line", "vector-effect": "non-scaling-stroke" }),
    );
  }
  const ground = { x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1, class: "ground", "vector-effect": "non-scaling-stroke" };
  return chart(label, drawn("line", ground), ...shape);
}

/** Scores as dots by their decisions, the newest at the right end, with lines at the thresholds. */
export function dots(verdicts, thresholds, label) {
  const y = (value) => (HEIGHT - 3 - (HEIGHT - 6) * place(value)).toFixed(1);
  const limits = thresholds.map((value) =>
    drawn("line", { x1: 0, x2: WIDTH, y1: y(value), y2: y(value), class: "limit", "vector-effect": "non-scaling-stroke" }),
  );
  const step = WIDTH / Math.max(1, verdicts.length);
  const marks = verdicts.map(({ score, decision }, index) =>
    drawn("rect", { x: (index * step).toFixed(1), y: y(score) - 1.2, width: Math.max(1.2, Math.min(3, 0.7 * step)).toFixed(1), height: 2.4, class: decision }),
  );
  return chart(label, ...limits, ...marks);
}

/** Bars of counts. */
export function bars(counts, label) {
  const highest = Math.max(1, ...counts);
  const step = WIDTH / counts.length;
  const bar = (count, index) => {
    const height = count ? Math.max(2, ((HEIGHT - 4) * count) / highest) : 1;
    return drawn("rect", { x: index * step + 1, y: HEIGHT - height, width: step - 2, height, class: "bar" });
  };
  return chart(label, ...counts.map(bar));
}

/** One bar in parts, each with its class. */
export function stacked(parts, label) {
  const all = parts.reduce((sum, { count }) => sum + count, 0) || 1;
  let x = 0;
  const made = parts.map(({ count, kind }) => {
    const width = (WIDTH * count) / all;
    const part = drawn("rect", { x, y: 0, width, height: HEIGHT, class: kind });
    x += width;
    return part;
  });
  const bar = chart(label, ...made);
  bar.classList.add("stacked");
  return bar;
}
