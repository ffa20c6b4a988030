// After the page's own script: does what a reader would do, and reports what is then shown.
(() => {
  const outcome = { orders: {}, filtered: {} };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const text = (element) => element.textContent.replaceAll("\u00a0", " ").trim();
  const cards = () => all("#gallery > *");
  const names = (list) => list.map((card) => text(card.querySelector(".name")));
  const shown = () => names(cards().filter((card) => card.getClientRects().length > 0));

  const slider = document.getElementById("slider");
  const slide = (place) => {
    slider.value = place;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const state = () => ({
    place: Number(slider.value),
    threshold: document.getElementById("gallery").dataset.threshold,
    shares: all("#by-defect tbody tr").map((row) => all("td", row).slice(0, 2).map(text)),
    table: all("#confusion tbody tr").map((row) => all("td", row).map(text)),
    rates: all("dl.thresholds div").filter((box) => box.querySelector("small")).map((box) => text(box.querySelector("dd"))),
    badges: Object.fromEntries(cards().map((card) => [text(card.querySelector(".name")), text(card.querySelector(".badge"))])),
    order: names(cards()),
    moved: document.querySelector(".as-moved").getClientRects().length > 0
      && document.getElementById("moved").getAttribute("visibility") === "visible",
  });

  const order = (value) => {
    const sort = document.getElementById("sort");
    sort.value = value;
    sort.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const filter = (decision, defect) => {
    for (const [by, value] of [["decision", decision], ["defect", defect]]) {
      all(`[data-by=${by}] button`).find((button) => button.dataset.value === value).click();
    }
  };

  const act = () => {
    outcome.untouched = names(cards());
    outcome.start = state();
    outcome.places = Array.from({ length: Number(slider.max) + 1 }, (_, place) => {
      slide(place);
      return state();
    });
    slide(0);
    filter("accept", "");
    outcome.accepted_at_lowest = shown();
    filter("", "");
    document.getElementById("calibrated").click();
    outcome.back = state();

    for (const value of ["highest", "lowest", "name", "worst"]) {
      order(value);
      outcome.orders[value] = names(cards());
    }
    for (const [decision, defect] of [["reject", ""], ["reject", "crack"], ["", "crack"], ["review", ""], ["", ""], ["alarm", "good"]]) {
      filter("", "");
      filter(decision, defect);
      outcome.filtered[`${decision},${defect}`] = shown();
    }
    outcome.count = text(document.getElementById("shown"));

    // From the last false alarm on to the next one, which is the first again.
    cards().filter((card) => !card.hidden).at(-1).querySelector(".images").click();
    document.querySelector("#viewer [data-step='1']").click();
    outcome.viewer = text(document.querySelector(".viewer-caption"));
    outcome.viewer_marks = all("#viewer .strip").length;
    document.querySelector("#viewer [data-close]").click();
    filter("", "");

    document.documentElement.dataset.theme = "light";
    document.getElementById("theme").click();
    outcome.dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    for (const folded of all("details")) folded.open = true;
    const page = document.documentElement;
    outcome.overflow = Math.max(page.scrollWidth, document.body.scrollWidth) - page.clientWidth;
  };
  try {
    act();
  } catch (error) {
    complaints.push(`${error}`);
  }
  // Images are decoded later; errors there are reported too.
  addEventListener("load", () => setTimeout(() => {
    outcome.errors = complaints;
    parent.postMessage({ name: window.name, outcome }, "*");
  }, 100));
})();
