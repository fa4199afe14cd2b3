// Draw or drop a picture; what the network answers comes back while the pen moves.

const TEXTS = {
  en: {
    picture: "Picture", answer: "Answer", maps: "What each layer sees", steps: "Layers and their time",
    drawHere: "Draw a digit here", clear: "Clear", undo: "Undo", choose: "Choose a picture…",
    dropHere: "Or drop or paste a picture anywhere on this page.",
    keys: "By keyboard: arrow keys move the pen, Space puts it down or lifts it, Ctrl+Z undoes, Delete clears.",
    networkGets: "What the network gets", layer: "Layer", kind: "Kind", algorithm: "Algorithm", output: "Output",
    time: "ms", share: "Share", key: "Key", keyNeeded: "This server asks for a key", send: "Send",
    away: "The server does not answer. The page tries again every second.", failed: "The server says:",
    noImages: "This network takes no single picture, so there is nothing to draw or drop here.",
    takes: (image) => `takes ${size(image.width)} × ${size(image.height)} pixels, ${image.channels === 1 ? "grey" : "colour"}`,
    drawing: "Drawing area for a digit", free: "any",
    words: (words) => words.join(", "),
    range: (low, high) => `${low} to ${high}`,
  },
  zh: {
    picture: "图片", answer: "识别结果", maps: "每一层看到的内容", steps: "各层及耗时",
    drawHere: "在这里写一个数字", clear: "清除", undo: "撤销", choose: "选择图片…",
    dropHere: "也可以把图片拖放或粘贴到本页任意位置。",
    keys: "键盘操作：方向键移动画笔，空格键落笔或抬笔，Ctrl+Z 撤销，Delete 清除。",
    networkGets: "网络实际接收的图像", layer: "层", kind: "类型", algorithm: "算法", output: "输出",
    time: "毫秒", share: "占比", key: "密钥", keyNeeded: "此服务器需要密钥", send: "发送",
    away: "服务器没有响应，本页每秒重试一次。", failed: "服务器返回：",
    noImages: "该网络的输入不是单张图片，因此这里无法绘制或拖放。",
    takes: (image) => `输入 ${size(image.width)} × ${size(image.height)} 像素，${image.channels === 1 ? "灰度" : "彩色"}`,
    drawing: "数字书写区", free: "任意",
    words: (words) => words.map((word) => WORDS_ZH[word] ?? word.replace(" in ", "，范围 ")).join("，"),
    range: (low, high) => `${low} 至 ${high}`,
  },
};
const WORDS_ZH = {
  "centred and scaled as MNIST": "按 MNIST 方式居中并缩放", inverted: "已反色", "taken as it is": "原样使用",
};

const language = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS) ?? "en";
const text = TEXTS[language];
const byId = (id) => document.getElementById(id);
const size = (pixels) => pixels ?? text.free;

const SIDE = 112; // of the picture that is sent
const PEN = 0.075; // width of a line as a share of the paper
const KEY_STEP = 0.02, RETRY_MS = 1000, MAPS_MS = 150;

let model = null; // what the server tells of the network
let strokes = []; // each a list of points in 0..1
let given = null; // the file that was dropped, if it came last
let cursor = { x: 0.5, y: 0.5, down: false, shown: false };

// The server

async function ask(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem("key");
    const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch {
      throw new Away();
    }
    if (response.status === 401) {
      await askForKey();
      continue;
    }
    const found = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(found.error ?? `${response.status}`);
    return found;
  }
}

class Away extends Error {}

let asked = null;
function askForKey() {
  asked ??= new Promise((resolve) => {
    const dialog = byId("asking");
    dialog.addEventListener("close", () => {
      sessionStorage.setItem("key", byId("key").value);
      byId("key").value = "";
      asked = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asked;
}

let away = false;
function tell(error) {
  const status = byId("status");
  const message = !error ? "" : error instanceof Away ? text.away : `${text.failed} ${error.message}`;
  status.hidden = !message;
  if (status.textContent !== message) status.textContent = message;
  if (error instanceof Away && !away) {
    away = true;
    const timer = setInterval(async () => {
      try {
        await ask("page/model");
      } catch (again) {
        if (again instanceof Away) return;
      }
      clearInterval(timer);
      away = false;
      tell(null);
      if (model) picturesChanged(); else begin();
    }, RETRY_MS);
  }
}

// One request at a time; what changes meanwhile is sent when the answer is there.
function latest(section, send) {
  let running = false, waiting = false;
  return async function run() {
    if (running) {
      waiting = true;
      return;
    }
    running = true;
    byId(section).ariaBusy = "true";
    try {
      do {
        waiting = false;
        await send();
      } while (waiting);
    } catch (error) {
      tell(error);
    } finally {
      running = false;
      byId(section).ariaBusy = "false";
    }
  };
}

// The picture

const paper = byId("drawing");
const small = new OffscreenCanvas(SIDE, SIDE);
const ink = small.getContext("2d", { willReadFrequently: true });

function line(context, side, points, from, colour) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = PEN * side;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  if (points.length === 1) {
    context.arc(points[0].x * side, points[0].y * side, (PEN * side) / 2, 0, 7);
    context.fill();
    return;
  }
  const first = Math.max(0, from - 1);
  context.moveTo(points[first].x * side, points[first].y * side);
  for (const point of points.slice(first + 1)) context.lineTo(point.x * side, point.y * side);
  context.stroke();
}

const shown = () => paper.getContext("2d");
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

function extend(stroke, points) {
  const from = stroke.length;
  stroke.push(...points);
  line(shown(), paper.width, stroke, from, colourOf("--text"));
  line(ink, SIDE, stroke, from, "#fff");
  byId("hint").hidden = true;
  given = null;
  picturesChanged();
}

function redraw() {
  shown().clearRect(0, 0, paper.width, paper.height);
  ink.fillStyle = "#000";
  ink.fillRect(0, 0, SIDE, SIDE);
  for (const stroke of strokes) {
    line(shown(), paper.width, stroke, 0, colourOf("--text"));
    line(ink, SIDE, stroke, 0, "#fff");
  }
  byId("hint").hidden = strokes.length > 0;
  if (cursor.shown) {
    const context = shown();
    context.strokeStyle = context.fillStyle = colourOf("--accent");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(cursor.x * paper.width, cursor.y * paper.height, 7, 0, 7);
    if (cursor.down) context.fill(); else context.stroke();
  }
}

function body() {
  if (given) return { path: "", options: { method: "POST", body: given, headers: { "Content-Type": "application/x-picture" } } };
  const pixels = ink.getImageData(0, 0, SIDE, SIDE).data;
  const grey = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < grey.length; i++) grey[i] = pixels[4 * i];
  return {
    path: `?width=${SIDE}`,
    options: { method: "POST", body: grey, headers: { "Content-Type": "application/octet-stream" } },
  };
}

const isEmpty = () => !given && !strokes.length;

const predict = latest("answers", async () => {
  if (isEmpty()) {
    showAnswer(null);
    return;
  }
  const { path, options } = body();
  const answer = await ask(`page/predict${path}`, options);
  tell(null);
  showAnswer(isEmpty() ? null : answer);
});

const look = latest("maps", async () => {
  if (isEmpty()) {
    byId("maps").hidden = true;
    return;
  }
  const { path, options } = body();
  const layers = await ask(`page/features${path}`, options);
  if (!isEmpty()) showMaps(layers);
});

let pause = 0;
function picturesChanged() {
  predict();
  if (!pause) pause = setTimeout(() => { pause = 0; look(); }, MAPS_MS);
}

function clear() {
  strokes = [];
  given = null;
  cursor.down = false;
  redraw();
  picturesChanged();
}

function undo() {
  strokes.pop();
  cursor.down = false;
  redraw();
  picturesChanged();
}

function take(file) {
  if (!file || !model?.image) return;
  given = file;
  strokes = [];
  redraw();
  picturesChanged();
}

// Pen, finger, mouse, keyboard

let drawnBy = null; // the pointer whose line is being drawn

function place(event) {
  const box = paper.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

paper.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || drawnBy !== null) return;
  event.preventDefault();
  paper.focus({ preventScroll: true });
  paper.setPointerCapture(event.pointerId);
  drawnBy = event.pointerId;
  if (cursor.shown || cursor.down) {
    cursor = { ...cursor, down: false, shown: false };
    redraw();
  }
  strokes.push([]);
  extend(strokes.at(-1), [place(event)]);
});
paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drawnBy) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  extend(strokes.at(-1), (moves.length ? moves : [event]).map(place));
});
for (const end of ["pointerup", "pointercancel"]) {
  paper.addEventListener(end, (event) => {
    if (event.pointerId === drawnBy) drawnBy = null;
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

paper.addEventListener("keydown", (event) => {
  if (event.key in ARROWS) {
    const by = ARROWS[event.key].map((part) => part * KEY_STEP);
    cursor.x = Math.min(1, Math.max(0, cursor.x + by[0]));
    cursor.y = Math.min(1, Math.max(0, cursor.y + by[1]));
    cursor.shown = true;
    if (cursor.down) extend(strokes.at(-1), [{ x: cursor.x, y: cursor.y }]);
  } else if (event.key === " ") {
    cursor.down = !cursor.down;
    cursor.shown = true;
    if (cursor.down) {
      strokes.push([]);
      extend(strokes.at(-1), [{ x: cursor.x, y: cursor.y }]);
    }
  } else if (event.key === "Delete" || event.key === "Backspace") {
    clear();
  } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
    undo();
  } else {
    return;
  }
  event.preventDefault();
  redraw();
});
paper.addEventListener("blur", () => {
  cursor = { ...cursor, down: false, shown: false };
  redraw();
});

byId("clear").addEventListener("click", clear);
byId("undo").addEventListener("click", undo);
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => take(event.clipboardData.files[0]));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// What is shown

function element(tag, content = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = content;
  made.className = className;
  return made;
}

function track(share) {
  const outer = element("div", "", "track"), inner = element("div", "", "fill");
  inner.style.width = `${100 * share}%`;
  outer.append(inner);
  return outer;
}

const bytes = (data) => Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));

function paint(canvas, levels, width, height, channels) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = levels[channels * i + (channels > 2 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const word = ({ number, label }) => label ?? `${number}`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const bars = new Map();

// For networks of few classes each keeps its place; of many, the best are shown in their order.
function showAnswer(answer) {
  const inOrder = model.classes > 0 && model.classes <= 10;
  const none = (_, number) => ({ number, label: model.labels[number], probability: 0 });
  const classes = answer?.classes ?? (inOrder ? Array.from({ length: model.classes }, none) : []);
  const best = answer?.classes[0];
  byId("best").textContent = best ? `${word(best)} · ${percent(best.probability)}` : "\u00a0";
  const rows = inOrder ? classes.toSorted((a, b) => a.number - b.number) : classes;
  if (!inOrder || bars.size !== rows.length) {
    bars.clear();
    byId("bars").replaceChildren(...rows.map(({ number, label }) => {
      const row = element("li"), bar = track(0), share = element("span", "", "number");
      row.append(element("span", word({ number, label })), bar, share);
      bars.set(number, { row, fill: bar.firstChild, share });
      return row;
    }));
  }
  for (const { number, probability } of rows) {
    const { row, fill, share } = bars.get(number);
    fill.style.width = `${100 * probability}%`;
    share.textContent = answer ? percent(probability) : "";
    row.classList.toggle("first", number === best?.number);
  }
  byId("seen").hidden = !answer?.input;
  if (answer?.input) {
    const { width, height, channels, data } = answer.input;
    paint(byId("input"), bytes(data), width, height, channels);
    byId("words").textContent = text.words(answer.words);
  }
}

const layerViews = new Map();

function showMaps(layers) {
  byId("maps").hidden = !layers.length;
  for (const layer of layers) {
    if (!layerViews.has(layer.name)) {
      const block = element("div", "", "layer"), title = element("h3", `${layer.name} `), tiles = element("div", "", "tiles");
      title.append(element("span"));
      block.append(title, tiles);
      byId("layers").append(block);
      layerViews.set(layer.name, { title: title.lastChild, tiles });
    }
    const view = layerViews.get(layer.name), levels = bytes(layer.data), cells = layer.width * layer.height;
    const range = text.range(layer.low.toPrecision(3), layer.high.toPrecision(3));
    view.title.textContent = `${layer.kind} · ${layer.shape.join(" × ")} · ${range}`;
    while (view.tiles.childElementCount < layer.count) {
      view.tiles.append(element("canvas", "", layer.height === 1 ? "vector" : ""));
    }
    for (let i = 0; i < layer.count; i++) {
      paint(view.tiles.children[i], levels.subarray(i * cells, (i + 1) * cells), layer.width, layer.height, 1);
    }
  }
}

function showSteps(steps) {
  byId("steps").replaceChildren(...steps.map((step) => {
    const row = element("tr"), share = element("td");
    share.append(track(step.share / 100));
    row.append(element("td", step.step), element("td", step.kind), element("td", step.algorithm), element("td", step.output),
      element("td", step.ms.toFixed(4), "number"), share);
    return row;
  }));
}

async function begin() {
  try {
    model = await ask("page/model");
    tell(null);
    byId("name").textContent = model.name;
    document.title = `${model.name} – fastconv`;
    byId("about").textContent = model.image ? text.takes(model.image) : text.noImages;
    byId("giving").hidden = byId("answers").hidden = !model.image;
    for (const id of ["paper", "clear", "undo", "keys"]) byId(id).hidden = !model.image?.drawn;
    redraw();
    if (model.image) showAnswer(null);
    showSteps(await ask("page/steps"));
  } catch (error) {
    tell(error);
  }
}

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
for (const each of document.querySelectorAll("[data-text]")) each.textContent = text[each.dataset.text];
paper.setAttribute("aria-label", text.drawing);
begin();
