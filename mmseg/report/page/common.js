'use strict';
// What all parts of the page share: the data, elements, colours, numbers, the tooltip, the shown experiments.
const DATA = JSON.parse(document.getElementById('data').textContent);
const CLASS = 'IoU.';
const PALETTE = ['#2a78d6', '#e8772e', '#1f9d7a', '#b04fc4', '#c9a227', '#d6456b', '#5b6be0', '#6b8e23', '#0aa2c0', '#a0623a'];
const ROLE_COLOURS = { source: '#8d97a5', oracle: '#3d4757' };
const dark = matchMedia('(prefers-color-scheme: dark)').matches;

const byId = (id) => document.getElementById(id);

/** An element with attributes (on… are listeners) and children; texts are texts, never HTML. */
function element(name, attributes = {}, ...children) {
  const svg = ['svg', 'g', 'rect', 'line', 'path', 'text', 'circle', 'title'].includes(name);
  const made = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
}

const clear = (node, ...children) => { node.replaceChildren(...children.flat()); return node; };

DATA.experiments.forEach((one) => { one.shown = true; });
let methods = 0;
let oracles = 0;
let sources = 0;
for (const one of DATA.experiments) {
  // Several of a kind (other networks, other data) need colours of their own too.
  const first = one.role === 'oracle' ? oracles++ === 0 : one.role === 'source' ? sources++ === 0 : false;
  one.colour = first ? ROLE_COLOURS[one.role] : PALETTE[methods++ % PALETTE.length];
  if (dark && first && one.role === 'oracle') one.colour = '#dfe5ee';
}

const number = (value, digits = 1) => (value === null || value === undefined ? '–' : value.toFixed(digits));
const signed = (value) => `${value > 0 ? '+' : value < 0 ? '−' : '±'}${Math.abs(value).toFixed(1)}`;
const mean = (one, metric) => (one.values[metric] ? one.values[metric][0] : null);
const headline = (one) => mean(one, one.headline);
const dot = (one) => element('span', { class: 'dot', style: `background:${one.colour}` });

/** [mean, std, seeds] as "18.5 ± 0.6". */
function spread(values) {
  if (!values) return ['–'];
  const [middle, deviation] = values;
  return deviation === null ? [number(middle)] : [number(middle), element('span', { class: 'pm' }, ` ± ${number(deviation)}`)];
}

const tip = byId('tip');
function showTip(event, ...content) {
  clear(tip, content);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(event.pageX + 14, scrollX + document.documentElement.clientWidth - box.width - 8);
  const low = event.clientY + box.height + 24 > innerHeight;
  tip.style.left = `${Math.max(left, 8)}px`;
  tip.style.top = `${low ? event.pageY - box.height - 12 : event.pageY + 14}px`;
}
const hideTip = () => { tip.hidden = true; };

/** Chips that switch experiments on and off in every chart; `redraw` is called after each change. */
const redrawers = [];
function drawChips() {
  for (const place of document.querySelectorAll('[data-chips]')) {
    clear(place, DATA.experiments.map((one) => element('button', {
      type: 'button', class: 'chip', 'aria-pressed': String(one.shown),
      onclick: () => { one.shown = !one.shown; drawChips(); redrawers.forEach((redraw) => redraw()); },
    }, dot(one), one.label)));
  }
}

/** About `count` round numbers from 0 or `low` to `high`. */
function ticks(low, high, count = 5) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push(Number(at.toPrecision(10)));
  return found;
}
const short = (value) => {
  const size = Math.abs(value);
  if (size >= 1000) return `${Number((value / 1000).toPrecision(3))}k`;
  return size !== 0 && size < 0.01 ? value.toExponential(size < 1e-4 ? 1 : 1).replace('e-', 'e−') : String(Number(value.toPrecision(3)));
};
