(() => {
  // The enlarged view, with arrow keys through the images that the filters show.
  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const viewer = document.getElementById("viewer");
  let current = null;
  const show = (card) => {
    current = card;
    const [name, score, badge] = [".name", ".score", ".badge"].map((part) => card.querySelector(part).textContent);
    viewer.querySelector(".viewer-caption").textContent = `${name} · score ${score} · ${badge}`;
    const copies = (part) => [...card.querySelectorAll(part)].map((element) => element.cloneNode(true));
    viewer.querySelector(".viewer-score").replaceChildren(...copies(".strip"));
    viewer.querySelector(".viewer-images").replaceChildren(...copies(".image"));
    viewer.dataset.truth = card.dataset.truth;
    if (!viewer.open) viewer.showModal();
  };
  const step = (by) => {
    const shown = [...gallery.children].filter((card) => !card.hidden);
    show(shown[(shown.indexOf(current) + by + shown.length) % shown.length]);
  };
  gallery.addEventListener("click", (event) => {
    const images = event.target.closest(".images");
    if (images) show(images.closest(".card"));
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
