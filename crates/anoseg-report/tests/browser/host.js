// Collects what the pages in the frames report, by the frame's name.
const found = {};
addEventListener("message", ({ data }) => {
  found[data.name] = data.outcome;
  document.getElementById("outcome").textContent = JSON.stringify(found);
});
