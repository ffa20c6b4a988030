// Shares of scores above a threshold, and what they promise. No part of the page is needed.

/** How many scores are greater. */
export const above = (scores, threshold) => scores.reduce((count, value) => count + (value > threshold), 0);

/**
 * The most that the share of further good images above a threshold is expected to be, given that `count` of `all`
 * scores of good images are: (count + 1) / (all + 1). It holds where all of them come from the same process.
 */
export const promised = (count, all) => (count + 1) / (all + 1);

/** Ends of the scale of the sliders; what is beyond lies at the ends. */
const LOWEST = 0.0001;
const EDGE = Math.log(LOWEST / (1 - LOWEST));

/** The place of a score on a scale of 0..=1 that has room near both ends: its logit. */
export function place(value) {
  const inside = Math.min(Math.max(value, LOWEST), 1 - LOWEST);
  return (Math.log(inside / (1 - inside)) - EDGE) / (-2 * EDGE);
}

/** The score at a place: the inverse, with four digits from the nearer end. 0 and 1 are the ends. */
export function valueAt(position) {
  if (position <= 0) return 0;
  if (position >= 1) return 1;
  const value = 1 / (1 + Math.exp(-(EDGE - 2 * EDGE * position)));
  const rounded = value < 0.5 ? Number(value.toPrecision(4)) : 1 - Number((1 - value).toPrecision(4));
  return Number(rounded.toFixed(8));
}
