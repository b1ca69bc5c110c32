'use strict';
// The page of `mmseg demo --web`: an image, what networks say of it, and a border between two of these to move.
const byId = (id) => document.getElementById(id);
const IMAGE = 'image';
const state = { file: null, answers: new Map(), about: null, sides: { left: IMAGE, right: null }, asked: 0 };

function say(text, wrong = false) {
  byId('status').textContent = text;
  byId('status').classList.toggle('wrong', wrong);
}

/** The pixels of a picture in a data URI. */
async function pixelsOf(uri) {
  const picture = new Image();
  picture.src = uri;
  await picture.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  drawing.drawImage(picture, 0, 0);
  return drawing.getImageData(0, 0, canvas.width, canvas.height);
}

/** What a network says of the image, asked once. */
async function answerOf(name) {
  const { answers, file } = state; // another file may be dropped while this one is predicted
  if (!answers.has(name)) {
    const number = state.about.networks.indexOf(name);
    const headers = { 'X-Name': encodeURIComponent(file.name) };
    const reply = await fetch(`predict?network=${number}`, { method: 'POST', headers, body: file });
    const answer = await reply.json();
    if (!reply.ok) throw new Error(answer.error);
    answer.pixels = (await pixelsOf(answer.image)).data;
    answer.map = (await pixelsOf(answer.map)).data; // red and green: id; blue: confidence
    answers.set(name, answer);
  }
  return answers.get(name);
}

const idAt = (answer, at) => answer.map[4 * at] + 256 * answer.map[4 * at + 1];

/** The picture of one side: the image, with the colours of a network's classes over it and lines between them. */
function paint(canvas, answer, isImage) {
  const { width, height, pixels, palette } = answer;
  [canvas.width, canvas.height] = [width, height];
  const drawn = new ImageData(width, height);
  const share = isImage ? 0 : Number(byId('opacity').value);
  const lines = !isImage && byId('lines').checked;
  for (let at = 0; at < width * height; at += 1) {
    const id = idAt(answer, at);
    const colour = palette[id] ?? [0, 0, 0];
    const ends = lines && ((at % width + 1 < width && idAt(answer, at + 1) !== id) || (at + width < width * height && idAt(answer, at + width) !== id));
    for (let band = 0; band < 3; band += 1) drawn.data[4 * at + band] = (1 - share) * pixels[4 * at + band] + share * colour[band];
    if (ends) {
      const line = Math.max(drawn.data[4 * at], drawn.data[4 * at + 1], drawn.data[4 * at + 2]) < 128 ? 255 : 0;
      for (let band = 0; band < 3; band += 1) drawn.data[4 * at + band] = 0.25 * drawn.data[4 * at + band] + 0.75 * line;
    }
    drawn.data[4 * at + 3] = 255;
  }
  canvas.getContext('2d').putImageData(drawn, 0, 0);
}

/** The network whose classes are listed and hovered over: that of a side, or of the other where it shows the image. */
function networkOf(side) {
  const { left, right } = state.sides;
  const first = side === 'left' ? left : right;
  return first === IMAGE ? (side === 'left' ? right : left) : first;
}

function paintAll() {
  const shown = state.answers.get(networkOf('right')) ?? state.answers.values().next().value;
  for (const side of ['left', 'right']) {
    const name = state.sides[side];
    paint(byId(side), state.answers.get(name) ?? shown, name === IMAGE);
    byId(`tag-${side}`).textContent = name;
  }
}

function cell(kind, ...content) {
  const made = document.createElement(kind);
  made.append(...content);
  return made;
}

function drawLegend() {
  const name = networkOf('right');
  const answer = state.answers.get(name);
  const table = byId('legend');
  table.replaceChildren();
  if (!answer) return;
  table.append(cell('caption', `${name}, ${answer.seconds} s`));
  table.append(cell('tr', cell('th', 'class'), cell('th', 'of the pixels'), cell('th', 'confidence')));
  for (const { id, share, confidence } of answer.shown) {
    const dot = cell('i');
    dot.className = 'dot';
    dot.style.background = `rgb(${answer.palette[id].join(',')})`;
    table.append(cell('tr', cell('td', dot, answer.classes[id]), cell('td', percent(share)), cell('td', percent(confidence))));
  }
}

const percent = (value) => (value > 0 && value < 0.01 ? '< 1 %' : `${Math.round(100 * value)} %`);

async function show() {
  const asked = (state.asked += 1);
  say('Predicting …');
  try {
    const names = new Set([state.sides.left, state.sides.right].filter((name) => name !== IMAGE));
    if (!names.size) names.add(state.about.networks[0]);
    for (const name of names) await answerOf(name);
  } catch (error) {
    if (asked !== state.asked) return;
    say(error instanceof TypeError ? 'The server does not answer: does mmseg demo --web still run?' : error.message, true);
    return;
  }
  if (asked !== state.asked) return; // something else was asked meanwhile
  paintAll();
  drawLegend();
  byId('view').hidden = false;
  byId('side').hidden = false;
  byId('drop').classList.add('small');
  say(state.file.name);
}

function take(file) {
  if (!file) return;
  if (file.size > state.about.mostBytes) {
    say(`${file.name} has ${(file.size / 2 ** 20).toFixed(1)} MB; a file has up to ${state.about.mostBytes / 2 ** 20} MB here.`, true);
    return;
  }
  state.file = file;
  state.answers = new Map();
  show();
}

function moveBorder() {
  const at = Number(byId('at').value);
  byId('left').style.clipPath = `inset(0 ${100 - at}% 0 0)`;
  byId('bar').style.left = `${at}%`;
}

/** Class and confidence of the pixel under the pointer, of the side that it is on. */
function hover(event) {
  const box = byId('at').getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  if (event.buttons) {
    byId('at').value = 100 * x;
    moveBorder();
  }
  const name = networkOf(100 * x < Number(byId('at').value) ? 'left' : 'right');
  const answer = state.answers.get(name);
  if (!answer) return;
  const [column, row] = [Math.min(Math.floor(x * answer.width), answer.width - 1), Math.min(Math.floor(y * answer.height), answer.height - 1)];
  if (column < 0 || row < 0) return;
  const at = row * answer.width + column;
  byId('under').textContent = `${name} at ${column}, ${row}: ${answer.classes[idAt(answer, at)]}, confidence ${Math.round(answer.map[4 * at + 2] / 2.55)} %`;
}

function fillChoices() {
  const { networks } = state.about;
  [state.sides.left, state.sides.right] = [IMAGE, networks[0]];
  for (const side of ['left', 'right']) {
    const select = byId(`choose-${side}`);
    select.replaceChildren(...[IMAGE, ...networks].map((name) => new Option(name, name, false, name === state.sides[side])));
    select.addEventListener('change', () => { state.sides[side] = select.value; show(); });
  }
}

async function start() {
  state.about = await (await fetch('about')).json();
  fillChoices();
  byId('file').addEventListener('change', (event) => take(event.target.files[0]));
  addEventListener('dragover', (event) => { event.preventDefault(); document.body.classList.add('over'); });
  addEventListener('dragleave', () => document.body.classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('over');
    take(event.dataTransfer.files[0]);
  });
  byId('at').addEventListener('input', moveBorder);
  byId('at').addEventListener('pointermove', hover);
  for (const id of ['opacity', 'lines']) byId(id).addEventListener('input', paintAll);
  moveBorder();
}
start();
