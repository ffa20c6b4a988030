// Runs the WebAssembly module, away from the page's thread. Messages in: { id, call, bytes, name, width, height }
// with `call` one of load, inspect_file, inspect_pixels. Messages out: { id, error } or { id, reply, ms } and, for
// an inspection, the layers `image`, `heat` and `outline` (RGBA) and `mask` (a byte a pixel).

const [BYTES, NAME] = [0, 1];
const [TEXT, IMAGE, HEAT, OUTLINE, MASK] = [0, 1, 2, 3, 4];

let compiled; // the promise of a WebAssembly.Module
let running; // the exports of the present instance
let model; // the model's last message, to load it again after a trap

async function exports() {
  compiled ??= fetch(new URL("anoseg.wasm", import.meta.url)).then(async (response) => {
    if (!response.ok) throw new Error(`anoseg.wasm: ${response.status} ${response.statusText}; run scripts/build_web.sh`);
    return WebAssembly.compile(await response.arrayBuffer());
  });
  running ??= (await WebAssembly.instantiate(await compiled, {})).exports;
  return running;
}

// Addresses come as signed numbers; memory may have grown since an earlier view.
const view = (wasm, at, length) => new Uint8Array(wasm.memory.buffer, at >>> 0, length >>> 0);
const output = (wasm, which) => view(wasm, wasm.anoseg_output(which), wasm.anoseg_output_length(which)).slice();
const text = (bytes) => new TextDecoder().decode(bytes.slice());

function give(wasm, which, bytes) {
  const at = wasm.anoseg_input(which, bytes.length);
  view(wasm, at, bytes.length).set(bytes);
}

function run(wasm, { call, bytes, name, width, height }) {
  give(wasm, BYTES, bytes);
  give(wasm, NAME, new TextEncoder().encode(name));
  const begun = performance.now();
  const done = wasm[`anoseg_${call}`](width, height);
  const ms = performance.now() - begun;
  const reply = text(output(wasm, TEXT));
  if (!done) return { error: reply };
  if (call === "load") return { reply, ms };
  const [image, heat, outline, mask] = [IMAGE, HEAT, OUTLINE, MASK].map((which) => output(wasm, which));
  return { reply, ms, image, heat, outline, mask };
}

// A trap leaves the instance unusable: the next call gets a new one, with the model.
async function answer(message) {
  try {
    let wasm = running;
    if (!wasm) {
      wasm = await exports();
      if (model && message.call !== "load") run(wasm, model);
    }
    if (message.call === "load") model = message;
    const result = run(wasm, message);
    if (result.error && message.call === "load") model = undefined;
    return result;
  } catch (error) {
    const wasm = running;
    running = undefined;
    if (message.call === "load") model = undefined;
    if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) {
      return { error: `${message.name}: ${error.message}` };
    }
    const panic = wasm ? text(view(wasm, wasm.anoseg_panic(), wasm.anoseg_panic_length())) : "";
    return { error: `${message.name}: ${panic || "more memory is needed than a browser gives"}` };
  }
}

let turn = Promise.resolve();
onmessage = ({ data }) => {
  turn = turn.then(async () => {
    const result = await answer(data);
    const layers = [result.image, result.heat, result.outline, result.mask].filter(Boolean);
    postMessage({ id: data.id, ...result }, layers.map((layer) => layer.buffer));
  });
};
