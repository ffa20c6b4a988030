(() => {
  // The image threshold: each place of the slider decides anew about every image, by the exact scores.
  const control = document.getElementById("threshold");
  if (!control) return;
  const slider = document.getElementById("slider");
  const back = document.getElementById("calibrated");
  const gallery = document.getElementById("gallery");
  const viewer = document.getElementById("viewer");
  const rows = [...document.querySelectorAll("#confusion tr[data-scores]")];
  const places = control.dataset.places.split(";").map((place) => {
    const [threshold, label, position] = place.split("|");
    return { threshold: Number(threshold), label, position: Number(position) };
  });
  const calibrated = Number(control.dataset.calibrated);
  const names = { accept: "Accepted", review: "Review", reject: "Rejected", missed: "Missed", alarm: "False alarm" };
  const numbers = (text) => text.split(" ").map(Number);

  // Accepted, to review, rejected. A score that is no number is above no threshold.
  const counts = (row, place) => {
    if (place === calibrated) return numbers(row.dataset.calibrated);
    const scores = numbers(row.dataset.scores);
    const rejected = scores.filter((score) => score > places[place].threshold).length;
    return [scores.length - rejected, 0, rejected];
  };

  // As the page's other percentages: one decimal, ties to even, never a perfect figure for what is not quite that.
  const percent = (share) => {
    let value = share * 100;
    if ((value * 4) % 4 === 1) value -= 0.01;
    const text = value.toFixed(1);
    if (text === "100.0" && share < 1) return ">\u00a099.9\u00a0%";
    if (text === "0.0" && share > 0) return "<\u00a00.1\u00a0%";
    return `${text}\u00a0%`;
  };

  const showRow = (row, place) => {
    const decided = counts(row, place);
    const mistake = row.dataset.truth === "good" ? 2 : 0;
    [...row.querySelectorAll("td")].slice(0, 3).forEach((cell, i) => {
      cell.textContent = decided[i];
      cell.classList.toggle("none", decided[i] === 0);
      cell.classList.toggle("mistake", i === mistake && decided[i] > 0);
    });
    const all = decided[0] + decided[1] + decided[2];
    if (!row.classList.contains("total")) return;
    const { truth } = row.dataset;
    document.querySelector(`[data-rate="${truth}"]`).textContent = percent(decided[2] / all);
    document.querySelector(`[data-count="${truth}"]`).textContent = `${decided[2]} of ${all}`;
  };

  // Shares of rejected images in other tables, each counted in one of the rows.
  const shares = [...document.querySelectorAll("[data-counted]")].map((cell) => {
    return { cell, row: rows[Number(cell.dataset.counted)], calibrated: cell.textContent };
  });
  const showShare = ({ cell, row, calibrated: text }, place) => {
    const decided = counts(row, place);
    const all = decided[0] + decided[1] + decided[2];
    cell.textContent = place === calibrated ? text : percent(decided[2] / all);
  };

  const outcome = (truth, decision) => {
    if (decision === "review") return "review";
    if (truth === "good") return decision === "reject" ? "alarm" : "right";
    return decision === "accept" ? "missed" : "right";
  };
  const showCard = (card, place) => {
    const decided = Number(card.dataset.score) > places[place].threshold ? "reject" : "accept";
    const decision = place === calibrated ? card.dataset.calibrated : decided;
    card.dataset.decision = decision;
    card.dataset.outcome = outcome(card.dataset.truth, decision);
    const badge = card.querySelector(".badge");
    badge.className = `badge ${card.dataset.outcome}`;
    badge.textContent = names[card.dataset.outcome] || names[decision];
  };

  const showMark = (place) => {
    const { position } = places[place];
    const mark = document.getElementById("moved");
    if (mark) {
      const [left, right] = [Number(mark.dataset.left), Number(mark.dataset.right)];
      mark.setAttribute("transform", `translate(${left + position * (right - left)} 0)`);
      mark.setAttribute("visibility", place === calibrated ? "hidden" : "visible");
    }
    for (const part of [gallery, viewer]) part.style.setProperty("--limit", `${100 * position}%`);
  };

  const show = () => {
    const place = Number(slider.value);
    document.getElementById("limit").textContent = places[place].label;
    slider.setAttribute("aria-valuetext", places[place].label);
    back.disabled = place === calibrated;
    control.classList.toggle("moved", place !== calibrated);
    control.querySelector(".as-calibrated").hidden = place !== calibrated;
    control.querySelector(".as-moved").hidden = place === calibrated;
    for (const row of rows) showRow(row, place);
    for (const share of shares) showShare(share, place);
    for (const card of gallery.children) showCard(card, place);
    showMark(place);
    gallery.dataset.threshold = places[place].threshold;
    document.dispatchEvent(new Event("decided"));
  };
  slider.addEventListener("input", show);
  back.addEventListener("click", () => {
    slider.value = calibrated;
    show();
    slider.focus();
  });
  // A browser may bring back an earlier place when the page is loaded again.
  slider.value = calibrated;
  control.hidden = false;
})();
