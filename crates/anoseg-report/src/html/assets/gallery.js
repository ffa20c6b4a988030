(() => {
  // Which images are shown, and in which order.
  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const controls = document.getElementById("filters");
  const sort = document.getElementById("sort");
  const groups = [...controls.querySelectorAll("[role=group]")];

  // One choice of each group holds; an image is shown when it fits both.
  const chosen = (group) => group.querySelector("[aria-pressed=true]").dataset.value;
  const fits = (card, group, value) => {
    const { defect, decision, outcome } = card.dataset;
    return value === "" || (group.dataset.by === "defect" ? [defect] : [decision, outcome]).includes(value);
  };
  const count = (cards, group) => {
    const others = groups.filter((other) => other !== group);
    const rest = cards.filter((card) => others.every((other) => fits(card, other, chosen(other))));
    for (const button of group.querySelectorAll("button")) {
      const { value } = button.dataset;
      const n = rest.filter((card) => fits(card, group, value)).length;
      button.querySelector("span").textContent = n;
      button.disabled = n === 0 && value !== "" && value !== chosen(group);
    }
  };
  const filter = () => {
    const cards = [...gallery.children];
    for (const card of cards) card.hidden = !groups.every((group) => fits(card, group, chosen(group)));
    for (const group of groups) count(cards, group);
    const shown = cards.filter((card) => !card.hidden).length;
    document.getElementById("shown").textContent = `${shown} of ${cards.length} shown`;
  };

  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const number = (value, otherwise) => (Number.isNaN(value) ? otherwise : value);
  const score = (card, otherwise) => number(Number(card.dataset.score), otherwise);
  const ranks = { missed: 0, alarm: 1, review: 2, right: 3 };
  // How far the score lies on the right side of the threshold for what the image shows in truth.
  const margin = (card) => {
    const above = Number(card.dataset.score) - Number(gallery.dataset.threshold);
    return number(card.dataset.truth === "good" ? -above : above, -Infinity);
  };
  const orders = {
    worst: (a, b) => ranks[a.dataset.outcome] - ranks[b.dataset.outcome] || compare(margin(a), margin(b)),
    highest: (a, b) => compare(score(b, -Infinity), score(a, -Infinity)),
    lowest: (a, b) => compare(score(a, Infinity), score(b, Infinity)),
    name: () => 0,
  };
  const arrange = () => {
    const cards = [...gallery.children];
    const order = orders[sort.value];
    const sorted = [...cards].sort((a, b) => order(a, b) || compare(a.dataset.name, b.dataset.name));
    if (sorted.some((card, i) => card !== cards[i])) gallery.append(...sorted);
  };

  for (const group of groups) {
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      filter();
    });
  }
  sort.addEventListener("change", arrange);
  document.addEventListener("decided", () => {
    filter();
    arrange();
  });
  // A browser may bring back an earlier choice when the page is loaded again.
  sort.value = "worst";
  controls.hidden = false;
  filter();
})();
