"use strict";
(() => {
  // Light or dark: the reader's choice, else the system's.
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => { toggle.textContent = isDark() ? "Light" : "Dark"; };
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  system.addEventListener("change", showTheme);
  toggle.setAttribute("aria-label", "Switch between light and dark");
  toggle.hidden = false;
  showTheme();

  // Paper cannot unfold anything.
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });

  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const cards = [...gallery.children];

  // Filters: "all", "outcome:<id>" or "defect:<type>".
  const filters = document.getElementById("filters");
  filters.hidden = false;
  filters.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    for (const other of filters.children) other.setAttribute("aria-pressed", String(other === button));
    const [kind, ...rest] = button.dataset.filter.split(":");
    const value = rest.join(":");
    for (const card of cards) card.hidden = kind !== "all" && card.dataset[kind] !== value;
  });

  // The enlarged view, with arrow keys through the pictures that the filter shows.
  const viewer = document.getElementById("viewer");
  let current = null;
  const show = (card) => {
    current = card;
    const [name, score, badge] = [".name", ".score", ".badge"].map((part) => card.querySelector(part).textContent);
    viewer.querySelector(".viewer-caption").textContent = `${name} · score ${score} · ${badge}`;
    const pictures = [...card.querySelectorAll(".picture")].map((picture) => picture.cloneNode(true));
    viewer.querySelector(".viewer-pictures").replaceChildren(...pictures);
    if (!viewer.open) viewer.showModal();
  };
  const step = (by) => {
    const shown = cards.filter((card) => !card.hidden);
    show(shown[(shown.indexOf(current) + by + shown.length) % shown.length]);
  };
  gallery.addEventListener("click", (event) => {
    const pictures = event.target.closest(".pictures");
    if (pictures) show(pictures.closest(".card"));
  });
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target === viewer || (button && "close" in button.dataset)) viewer.close();
    else if (button) step(Number(button.dataset.step));
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
})();
