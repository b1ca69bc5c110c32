// Bars of every class and curves over iterations, drawn as SVG.
(() => {
  const shown = () => DATA.experiments.filter((one) => one.shown);

  // Of a target without labels no class has a bar.
  const measured = DATA.experiments.some((one) => DATA.classes.some((name) => one.values[CLASS + name]));
  byId('classes').hidden = !measured;
  document.querySelector('nav a[href="#classes"]').hidden = !measured;

  function drawBars() {
    const list = shown();
    const left = 36;
    // As wide as the page allows, and never so narrow that bars cannot be told apart: then the chart scrolls.
    const room = (byId('bars').parentElement.clientWidth - left - 8) / Math.max(DATA.classes.length, 1);
    const bar = Math.max(4, Math.min(16, Math.floor((room - 10) / Math.max(list.length, 1))));
    const group = Math.max(bar * list.length + 10, room);
    const height = 230;
    const bottom = 74;
    const width = left + group * DATA.classes.length + 4;
    const best = Math.max(...list.flatMap((one) => one.runs.flatMap((run) => DATA.classes.map((name) => run.values[CLASS + name] ?? 0))), 10);
    const y = (value) => 12 + (1 - value / best) * height;
    const parts = ticks(0, best).map((at) => [
      element('line', { class: 'grid', x1: left, x2: width, y1: y(at), y2: y(at) }),
      element('text', { x: left - 6, y: y(at) + 4, 'text-anchor': 'end' }, String(at)),
    ]).flat();
    DATA.classes.forEach((name, index) => {
      const start = left + group * index + (group - bar * list.length) / 2;
      list.forEach((one, order) => {
        const values = one.values[CLASS + name];
        if (!values) return;
        const x = start + bar * order;
        const seeds = one.runs.filter((run) => run.counted).map((run) => run.values[CLASS + name]).filter((value) => value !== undefined);
        const middle = x + bar / 2 - 0.5;
        const content = () => [dot(one), element('b', {}, `${one.label}, ${name}`), element('br'), `${number(values[0])}${values[1] === null ? '' : ` ± ${number(values[1])}`} (${seeds.map((value) => number(value)).join(', ')})`];
        parts.push(element('g', { class: 'bar', onmousemove: (event) => showTip(event, content()), onmouseleave: hideTip },
          element('rect', { x: x - 0.5, y: 12, width: bar, height, fill: 'transparent' }),
          element('rect', { x, y: y(values[0]), width: bar - 1, height: Math.max(y(0) - y(values[0]), 1), rx: 1.5, fill: one.colour }),
          seeds.length > 1 ? element('line', { x1: middle, x2: middle, y1: y(Math.min(...seeds)), y2: y(Math.max(...seeds)), stroke: 'var(--ink)', 'stroke-opacity': 0.55 }) : null,
          one.unstable.includes(name) ? element('text', { x: middle, y: y(Math.max(...seeds)) - 4, 'text-anchor': 'middle', style: 'fill:var(--warn);font-size:10px' }, '▲') : null));
      });
      const centre = left + group * (index + 0.5);
      parts.push(element('text', { x: centre, y: y(0) + 16, 'text-anchor': 'end', transform: `rotate(-38 ${centre} ${y(0) + 12})` }, name));
    });
    parts.push(element('line', { class: 'axis', x1: left, x2: width, y1: y(0), y2: y(0) }));
    clear(byId('bars'), element('svg', { width, height: height + bottom, viewBox: `0 0 ${width} ${height + bottom}`, role: 'img', 'aria-label': 'IoU of every class' }, parts));
  }

  /** Seeds of one experiment with equal iterations -> their mean; null where they differ. */
  function meanCurve(curves) {
    if (curves.length < 2) return null;
    const length = Math.min(...curves.map(([x]) => x.length));
    const same = curves.every(([x]) => x.slice(0, length).every((at, i) => at === curves[0][0][i]));
    if (!same || !length) return null;
    return [curves[0][0].slice(0, length), [...Array(length).keys()].map((i) => curves.reduce((sum, [, y]) => sum + y[i], 0) / curves.length)];
  }

  /** The lowest and the highest seed around the mean curve, which has their common iterations. */
  function band(curves, [px]) {
    const of = (choose) => px.map((at, i) => choose(...curves.map(([, y]) => y[i])));
    return { px, low: of(Math.min), high: of(Math.max) };
  }

  /** The chart of `key`; `heading` stands over it in place of the key. */
  function panel(key, heading = null) {
    const lines = shown().map((one) => {
      const curves = DATA.curves.runs.filter((run) => run.experiment === one.id && run.curves[key]).map((run) => run.curves[key]);
      return { one, curves, middle: meanCurve(curves) };
    }).filter((line) => line.curves.length);
    const percent = /^(mIoU|mAcc|aAcc|IoU\.)/.test(key);
    const title = element('h3', {}, heading ?? (percent ? `${key} on the target (%)` : key));
    if (!lines.length) return element('div', { class: 'panel' }, title, element('p', { class: 'hint' }, 'Not logged by the shown experiments.'));
    const all = lines.flatMap((line) => line.curves);
    const xs = all.flatMap(([x]) => x);
    const ys = all.flatMap(([, y]) => y);
    const [xHigh, yLow, yHigh] = [Math.max(...xs), Math.min(0, ...ys), Math.max(...ys) || 1];
    const place = byId('panels');
    const width = place.clientWidth > 600 ? (place.clientWidth - 28) / 2 : Math.max(place.clientWidth, 240);
    const [height, left, right, bottom] = [Math.min(0.5 * width + 40, 270), 52, 18, 24];
    const x = (value) => left + (value / xHigh) * (width - left - right);
    const y = (value) => 10 + (1 - (value - yLow) / (yHigh - yLow)) * (height - bottom - 14);
    const path = ([px, py]) => px.map((at, i) => `${i ? 'L' : 'M'}${x(at).toFixed(1)} ${y(py[i]).toFixed(1)}`).join('');
    const area = ({ px, low, high }, one) => element('path', {
      class: 'band', fill: one.colour, 'fill-opacity': 0.18, stroke: one.colour, 'stroke-opacity': 0.5, 'stroke-width': px.length === 1 ? 2 : 0,
      d: `${path([px, high])}${path([[...px].reverse(), [...low].reverse()]).replace('M', 'L')}Z`,
    });
    const draw = (curve, one, strong) => [
      element('path', { d: path(curve), fill: 'none', stroke: one.colour, 'stroke-width': strong ? 2.2 : 1, 'stroke-opacity': strong ? 1 : 0.4, 'stroke-linejoin': 'round' }),
      ...(curve[0].length < 12 ? curve[0].map((at, i) => element('circle', { cx: x(at), cy: y(curve[1][i]), r: strong ? 3 : 1.8, fill: one.colour, 'fill-opacity': strong ? 1 : 0.5 })) : []),
    ];
    const marker = element('line', { class: 'axis', y1: 10, y2: height - bottom - 4, x1: -9, x2: -9, 'stroke-dasharray': '3 3' });
    const chart = element('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Curves of ${key}` },
      ticks(yLow, yHigh, 4).map((at) => [element('line', { class: 'grid', x1: left, x2: width - right, y1: y(at), y2: y(at) }), element('text', { x: left - 6, y: y(at) + 4, 'text-anchor': 'end' }, short(at))]).flat(),
      ticks(0, xHigh, 4).map((at) => element('text', { x: x(at), y: height - 6, 'text-anchor': 'middle' }, short(at))),
      lines.filter((line) => line.middle).map((line) => area(band(line.curves, line.middle), line.one)),
      lines.flatMap((line) => line.curves.filter((curve) => curve[0].length > (line.middle?.[0].length ?? 0)).flatMap((curve) => draw(curve, line.one, !line.middle))),
      lines.flatMap((line) => (line.middle ? draw(line.middle, line.one, true) : [])),
      marker);
    chart.addEventListener('mousemove', (event) => {
      const box = chart.getBoundingClientRect();
      const wanted = (((event.clientX - box.left) / box.width) * width - left) / (width - left - right) * xHigh;
      const at = xs.reduce((near, value) => (Math.abs(value - wanted) < Math.abs(near - wanted) ? value : near), xs[0]);
      marker.setAttribute('x1', x(at));
      marker.setAttribute('x2', x(at));
      const read = (line) => {
        const values = line.curves.map(([px, py]) => py[px.indexOf(at)]).filter((value) => value !== undefined);
        return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
      };
      const rows = lines.map((line) => [line, read(line)]).filter(([, value]) => value !== null).sort((a, b) => b[1] - a[1]);
      showTip(event, element('b', {}, `iteration ${at}`), rows.flatMap(([line, value]) => [element('br'), dot(line.one), `${line.one.label}: ${percent ? number(value) : Number(value.toPrecision(3))}`]));
    });
    chart.addEventListener('mouseleave', () => { hideTip(); marker.setAttribute('x1', -9); marker.setAttribute('x2', -9); });
    return element('div', { class: 'panel' }, title, chart);
  }

  const first = DATA.curves.keys.slice(0, 3);
  const rest = DATA.curves.keys.filter((key) => !first.includes(key));
  let chosen = rest.find((key) => key.startsWith('mix.') && key.includes('loss')) ?? rest.find((key) => key.includes('loss')) ?? rest[0];
  function chooser() {
    const select = element('select', { id: 'key', 'aria-label': 'Value to draw', onchange: () => { chosen = select.value; drawCurves(); } },
      rest.map((key) => element('option', { selected: key === chosen }, key)));
    return select;
  }
  function drawCurves() {
    clear(byId('panels'), first.map((key) => panel(key)), rest.length ? panel(chosen, chooser()) : []);
  }

  redrawers.push(drawBars, drawCurves);
  drawChips();
  drawBars();
  drawCurves();
  addEventListener('resize', () => redrawers.forEach((redraw) => redraw()));
})();
