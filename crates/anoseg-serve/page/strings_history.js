// English texts of the history, of feedback, of thresholds that are proposed, and of drift.

import { plural } from "./plural.js";

export const HISTORY = {
  viewHistory: "History",
  viewDrift: "Drift",
  alarms: (count) => plural(count, "alarm", "alarms"),

  // The list
  historyTitle: "History",
  historyHint: "Verdicts that the server keeps, the newest first. Choose one to see it and to state what the part is.",
  historyOff: "This server keeps no history. Start it with anoseg serve --history FOLDER, and verdicts are kept from then on.",
  historyHead: ["Time", "Image", "Decision", "Score", "Model", "Feedback"],
  historyNone: "No verdict passes this filter.",
  historyEmpty: "No verdict is kept yet.",
  historyCaption: "Verdicts",
  older: "Older",
  filter: "Filter",
  filterModel: "Model",
  filterDecision: "Decision",
  filterFeedback: "Feedback",
  filterText: "Name or request",
  filterFrom: "From",
  filterUntil: "Until",
  filterLeast: "Least score",
  filterMost: "Most score",
  filterReset: "Reset filter",
  filterWrong: "The filter is not complete: a score is a number from 0 to 1.",
  any: "any",
  feedbackChoices: { none: "without", any: "with any", good: "stated good", defect: "stated defect" },
  modelAt: (name, version) => `${name} ${version}`,

  // A verdict
  verdictTitle: (name) => name,
  verdictLine: (word, score) => `${word}, score ${score}`,
  verdictUsed: (image, review, pixel) =>
    `Thresholds in force: review above ${review}, reject above ${image}, pixels are marked above ${pixel}.`,
  verdictByRegions: (pixels, peak, pixel) =>
    `Regions decided, not the score: one of ${pixels} pixels or more with a peak of ${peak} or more rejects, others are to be reviewed. Pixels are marked above ${pixel}.`,
  verdictInside: (region) => `Only defects inside ${region} counted.`,
  verdictIgnored: (region) => `Defects inside ${region} did not count.`,
  verdictOf: (time, model, version, request) =>
    `${time}, ${model} version ${version}${request ? `, request ${request}` : ""}`,
  verdictSize: (width, height) => `${width} x ${height} pixels; shown small, as the history keeps it.`,
  verdictSizeOpen: (width, height) => `${width} x ${height} pixels`,
  verdictMissing: "This verdict is not in the history, or no longer.",
  thumbnailAlt: (name) => `${name}, small`,
  close: "Close",
  statements: "Stated so far",
  statementsNone: "Nothing was stated of this verdict yet.",
  statement: (what, who, time) => `${what}, by ${who}, ${time}`,
  stands: { good: "Good", defect: "Defect", revoked: "Revoked" },

  // Feedback
  feedbackTitle: "What is the part?",
  feedbackNote: "Note (optional)",
  feedbackFile: "The image's file (optional)",
  feedbackFileHint: "With it, the image can be taken for training and calibration.",
  feedbackFileAtHand: "The image was inspected on this page and is sent along.",
  feedbackFileKept: "The image's file is kept.",
  feedbackGood: "Good after all",
  feedbackConfirm: "Good, confirmed",
  feedbackDefect: "Defect",
  feedbackMissed: "Missed defect",
  feedbackRevoke: "Revoke",
  feedbackSent: (what, name) => `Stated: ${what}, ${name}`,
  feedbackStated: (what) => `Stated: ${what}.`,
  feedbackOpen: "Nothing is stated yet.",
  feedbackForbidden: "This token may not state what a part is: that takes the role feedback. Enter another one with the button Token.",
  feedbackInHistory: "Show in the history",

  // Thresholds that feedback speaks for
  proposalOpen: "What feedback says",
  proposalTitle: (name, version) => `What feedback says: ${name}, version ${version}`,
  proposalUnquestioned: "Count verdicts of good that nobody questioned as good images",
  proposalHead: ["Threshold", "Present", "Proposed"],
  proposalRules: {
    conformal: "The image threshold is a conformal quantile of the scores.",
    gumbel: "There are too few scores for a promise: the image threshold is an estimate (Gumbel).",
  },
  proposalScores: (confirmed, unquestioned, calibration) =>
    `From ${plural(confirmed, "score", "scores")} of images stated good, ${unquestioned} that nobody questioned, ${calibration} of the calibration.`,
  proposalRates: (reject, review) =>
    `So that at most ${reject} of good images are rejected, ${review} rejected or reviewed.`,
  proposalCommand: "The server does not write models. This command does, on the machine with the model's file:",
  proposalNoVerdicts: "The history has no verdict of this model yet.",
  proposalNoFeedback: "No score of a good image is known: state of some verdicts that the part is good, or count those that nobody questioned.",
  same: "unchanged",

  // Decisions that change
  compareTitle: "Decisions that would change",
  compareCount: (changed, verdicts) => `${changed} of ${plural(verdicts, "verdict", "verdicts")} would be decided otherwise.`,
  compareWorse: (worse, better) => `Feedback speaks against ${worse} of the changes, and for ${better}.`,
  compareHead: ["Against feedback", "Before", "After"],
  compareMissed: "Missed defects",
  compareFalse: "False rejects",
  compareMissedOf: (count, all) => `${count} of ${all}`,
  changesHead: ["Image", "Score", "Before", "After", "Feedback"],
  changesMore: (shown, all) => `The first ${shown} of ${all} changes are listed.`,
  changeWorse: "worse",
  scoreFromTo: (before, after) => (before === after ? before : `${before} → ${after}`),
  nameless: (id) => `verdict ${id}`,

  // A version against its former one
  regressionOpen: "Against its former version",
  regressionTitle: (name, version) => `${name}, version ${version}, against its former version`,
  regressionFormer: (former, time, seconds) => `Compared with version ${former} on ${time}, in ${seconds}.`,
  regressionImages: (images, available, leftOut) =>
    `${images} of ${plural(available, "image", "images")} with feedback were inspected again${leftOut ? `; ${leftOut} could not be read` : ""}.`,
  regressionPartly: "The time allowed was over before all images were inspected.",
  regressionNone: "No comparison was made: this version had no former one when it was loaded, or no image with feedback was kept.",

  // Drift
  driftTitle: "Drift",
  driftHint: "Whether images and scores are still those that the model was calibrated on.",
  driftNone: "No model is watched.",
  driftOff: "Drift is watched where a history is kept. Start the server with anoseg serve --history FOLDER.",
  driftFine: "No alarm",
  driftEarly: "Too few images so far",
  driftAlarm: "Alarm",
  driftQuiet: "No image yet",
  driftRecent: (count) => `The newest ${plural(count, "image", "images")}.`,
  driftBaseline: (count, all) =>
    `Comparisons with the first images begin after ${all} of them; ${count} so far.`,
  driftNoCalibration: "There is no comparison with the calibration: its images were also trained on.",
  driftPromise: (images, monitors) =>
    `Each of the ${plural(monitors, "comparison", "comparisons")} raises at most one false alarm in ${images} images on average, if images are as alike as those of the reference. Images of one lot are more alike among themselves, and raise more.`,
  driftSignals: { score: "Score", rejects: "Rejected", reviews: "Rejected or to review", brightness: "Brightness", sharpness: "Sharpness" },
  driftScoreValue: (median) => median,
  driftScoreHint: (recent, reference) =>
    `median; 90 % are below ${recent[1]}, 99 % below ${recent[2]}. Calibration: ${reference ? reference.join(", ") : "unknown"}.`,
  driftShareHint: (of) => `of the newest images; the calibration is for ${of} of good ones`,
  driftMedianHint: (reference) => `median; ${reference === undefined ? "no reference yet" : `first images: ${reference}`}`,
  driftUnlike: "Unlike the training images",
  driftUnlikeHint: "have a size or shape that no image of the training had",
  driftAgainst: { calibration: "calibration", baseline: "first images" },
  driftMonitorWaits: (against) => `Against the ${against}: too few images so far`,
  driftMonitorFine: (against) => `Against the ${against}: fine`,
  driftMonitorCannot: (against) => `Against the ${against}: too few images for any alarm`,
  driftMonitorAlarm: (against, since, window, what) => `Against the ${against}: alarm since ${since}, ${what} in ${window} images`,
  driftHigher: (statistic) => `higher in ${statistic} of pairs`,
  driftLower: (statistic) => `lower in ${statistic} of pairs`,
  driftShare: (statistic) => `${statistic} of images`,
  driftAlarmVerdict: "Show the last image of the window",
  driftMonitorsNone: "Not compared yet",
  driftChart: (title, count, from, to) => `${title} of the newest ${count} images, oldest at the left: lowest ${from}, highest ${to}`,
};
