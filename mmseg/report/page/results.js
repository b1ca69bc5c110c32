// Summary tiles, warnings, and the table of results: sortable, filterable, seeds on a click, every class on a switch.
(() => {
  const experiments = DATA.experiments;
  const runs = experiments.flatMap((one) => one.runs);
  const unique = (values) => [...new Set(values)];
  const several = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
  const iterations = unique(experiments.map((one) => one.iterations));
  byId('subtitle').textContent = [
    several(experiments.length, 'experiment'), several(runs.length, 'run'),
    `${iterations.join(', ')} iterations`, unique(experiments.filter((one) => one.role !== 'oracle' || experiments.length === 1).map((one) => one.data)).slice(0, 2).join('; '), `made ${DATA.made}`,
  ].filter(Boolean).join(' · ');

  const settings = unique(experiments.filter((one) => one.role !== 'oracle').map((one) => one.domains));
  function tile(what, one, more) {
    const top = Math.max(...experiments.map((other) => headline(other) ?? 0), 1);
    return element('div', { class: 'tile' },
      element('div', { class: 'what' }, dot(one), `${what}: ${one.label}${settings.length > 1 ? ` (${one.domains})` : ''}`),
      element('div', { class: 'number' }, number(headline(one)),
        element('small', {}, one.values[one.headline][1] === null ? ` ${one.headline}` : ` ± ${number(one.values[one.headline][1])} ${one.headline}`)),
      element('div', { class: 'meter' }, element('i', { style: `width:${(100 * headline(one)) / top}%;background:${one.colour}` })),
      element('div', { class: 'more' }, more));
  }

  function drawTiles() {
    const scored = experiments.filter((one) => headline(one) !== null);
    const best = (role) => scored.filter((one) => one.role === role).sort((a, b) => headline(b) - headline(a))[0];
    const method = best('method');
    // Bounds of the best method: those that were trained and tested on the same data. Others would say nothing of it.
    const bound = (role, same) => (method ? scored.find((one) => one.role === role && same(one)) : best(role));
    const target = (one) => one.domains.split(' → ').at(-1);
    const source = bound('source', (one) => one.domains === method.domains);
    const oracle = method && method.oracle !== null ? experiments[method.oracle] : bound('oracle', (one) => target(one) === target(method));
    const tiles = [];
    const seeds = (one) => several(one.values[one.headline][2], 'seed');
    if (source) tiles.push(tile('Lower bound', source, `${seeds(source)}, no adaptation`));
    if (method) {
      const gap = source && oracle ? (headline(method) - headline(source)) / (headline(oracle) - headline(source)) : null;
      const gain = source ? `${signed(headline(method) - headline(source))} over source-only` : seeds(method);
      tiles.push(tile('Best adaptation', method, gap === null || gap < 0 || !Number.isFinite(gap) ? gain : `${gain}; ${(100 * gap).toFixed(0)} % of the gap closed`));
    }
    if (oracle && headline(oracle) !== null) tiles.push(tile('Upper bound', oracle, `${seeds(oracle)}, trained with target labels`));
    if (method) {
      const published = method.published && method.published.values[method.headline];
      tiles.push(element('div', { class: 'tile' },
        element('div', { class: 'what' }, 'Relative to the oracle'),
        element('div', { class: 'number' }, number(method.relative), element('small', {}, ' %')),
        element('div', { class: 'meter' }, element('i', { style: `width:${Math.min(method.relative ?? 0, 100)}%;background:${method.colour}` })),
        element('div', { class: 'more' }, published ? `published: ${number(published)} ${method.headline}` : 'no published number for this setting')));
    }
    clear(byId('summary'), tiles);
  }

  function drawWarnings() {
    const place = byId('warnings');
    if (!DATA.warnings.length) return;
    place.hidden = false;
    place.append(element('details', { open: DATA.warnings.length <= 8 },
      element('summary', {}, `Before you quote a number: ${several(DATA.warnings.length, 'remark')}`),
      element('ul', {}, DATA.warnings.map((one) => element('li', {}, element('b', {}, one.experiment), ` – ${one.kind ? `${one.kind}: ` : ''}${one.text}`)))));
  }

  const state = { view: 'summary', sort: null, ascending: false, open: new Set() };
  const top = Math.max(...experiments.map((one) => headline(one) ?? 0), 1);
  const published = (one) => (one.published ? one.published.values[one.headline] ?? null : null);
  const difference = (one) => (published(one) === null || headline(one) === null || one.published.split !== 'val' ? null : headline(one) - published(one));

  // A column: its title, the value that it sorts by, the cell of an experiment, the cell of one of its runs.
  const nameColumn = { title: 'Experiment', value: (one) => one.label.toLowerCase(), cell: nameCell, run: runCell };
  const metricColumns = DATA.metrics.map((metric) => ({
    title: metric, value: (one) => mean(one, metric),
    cell: (one) => element('td', {}, spread(one.values[metric]), metric === one.headline && headline(one) !== null
      ? element('span', { class: 'track' }, element('i', { style: `width:${(100 * headline(one)) / top}%;background:${one.colour}` })) : null),
    run: (run) => element('td', {}, number(run.values[metric])),
  }));
  const empty = () => element('td');
  const summaryColumns = [
    nameColumn, ...metricColumns,
    { title: 'Seeds', value: (one) => one.runs.filter((run) => run.counted).length, cell: seedsCell, run: empty },
    { title: 'Of oracle (%)', value: (one) => one.relative, cell: (one) => element('td', {}, number(one.relative)), run: empty },
    { title: 'Published', value: published, cell: publishedCell, run: empty },
    ...(experiments.some((one) => difference(one) !== null) ? [{ title: 'Difference', value: difference, cell: differenceCell, run: empty }] : []),
    { title: 'mAcc', value: (one) => mean(one, 'mAcc'), cell: (one) => element('td', {}, spread(one.values.mAcc)), run: (run) => element('td', {}, number(run.values.mAcc)) },
    { title: 'aAcc', value: (one) => mean(one, 'aAcc'), cell: (one) => element('td', {}, spread(one.values.aAcc)), run: (run) => element('td', {}, number(run.values.aAcc)) },
  ];
  const classColumns = [nameColumn, ...metricColumns, ...DATA.classes.map((name) => ({
    title: name, narrow: true, value: (one) => mean(one, CLASS + name),
    cell: (one) => heat(one.values[CLASS + name], one, name), run: (run) => heat([run.values[CLASS + name] ?? null, null]),
  }))];

  function nameCell(one) {
    const open = state.open.has(one.id);
    return element('td', {},
      element('div', { class: 'name' }, element('button', { type: 'button', 'aria-expanded': String(open), 'aria-label': `Seeds of ${one.label}` }, '▸'), dot(one), one.label),
      element('div', { class: 'under', title: `${one.setting} · ${one.network} · ${one.data} · ${one.tested}` }, state.view === 'summary' ? `${one.setting} · ${one.network} · ${one.domains} · ${one.tested}` : one.setting));
  }
  function runCell(run) {
    const status = run.finished ? '' : ` · iteration ${run.iteration}, unfinished${run.counted ? '' : ', not counted'}`;
    return element('td', { title: run.command }, `${run.seed} · ${run.name}${status}`);
  }
  function seedsCell(one) {
    const counted = one.runs.filter((run) => run.counted).length;
    const rest = one.runs.length - counted;
    return element('td', {}, String(counted), rest ? element('div', { class: 'flag' }, `${rest} unfinished`) : null,
      one.unstable.length ? element('div', { class: 'flag', title: `below 5 in one seed, above 20 in another: ${one.unstable.join(', ')}` }, `▲ ${several(one.unstable.length, 'class').replace('classs', 'classes')}`) : null);
  }
  function publishedCell(one) {
    if (published(one) === null) return element('td', {}, '–');
    const std = one.published.std[one.headline];
    const split = one.published.split === 'val' ? '' : ` (${one.published.split})`;
    return element('td', { title: one.published.origin }, number(published(one)), std ? element('span', { class: 'pm' }, ` ± ${number(std)}`) : null, split);
  }
  function differenceCell(one) {
    const value = difference(one);
    return value === null ? element('td', {}, '–') : element('td', { class: value < 0 ? 'down' : 'up' }, signed(value));
  }
  function heat(values, one = null, name = '') {
    if (!values || values[0] === null) return element('td', { class: 'cell' }, '–');
    const flagged = one && one.unstable.includes(name);
    const strength = Math.round(Math.min(values[0], 100) * 0.62);
    const relative = one && one.relativeClasses[name] !== null && one.role !== 'oracle' ? `; ${number(one.relativeClasses[name])} % of the oracle` : '';
    const paper = one && one.published && one.published.values[CLASS + name] !== undefined ? `; published ${number(one.published.values[CLASS + name])}` : '';
    const title = one ? `${one.label}, ${name}: ${number(values[0])}${values[1] === null ? '' : ` ± ${number(values[1])}`}${relative}${paper}` : null;
    return element('td', { class: 'cell', title, style: `background:color-mix(in srgb, var(--heat) ${strength}%, transparent)` },
      number(values[0]), flagged ? element('span', { class: 'flag', title: 'below 5 in one seed, above 20 in another' }, ' ▲') : null);
  }

  function visible() {
    const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const setting = byId('setting').value;
    const text = (one) => [one.label, one.setting, one.network, one.domains, one.data, one.tested, ...one.runs.map((run) => run.name)].join(' ').toLowerCase();
    return experiments.filter((one) => (!setting || one.setting === setting) && words.every((word) => text(one).includes(word)));
  }
  function sorted(list, column) {
    if (!column) return list;
    const order = (a, b) => (typeof a === 'string' ? a.localeCompare(b) : a - b);
    const missing = (one) => column.value(one) === null || column.value(one) === undefined;
    return [...list].sort((a, b) => missing(a) - missing(b) || (state.ascending ? 1 : -1) * order(column.value(a), column.value(b)) || 0);
  }
  function toggleSort(title) {
    if (state.sort === title) state.ascending = !state.ascending;
    else Object.assign(state, { sort: title, ascending: title === 'Experiment' });
    draw();
  }
  function headCell(column) {
    const direction = state.sort === column.title ? (state.ascending ? 'ascending' : 'descending') : null;
    return element('th', {
      class: `sortable${column.narrow ? ' class' : ''}`, scope: 'col', tabindex: 0, 'aria-sort': direction,
      onclick: () => toggleSort(column.title), onkeydown: (event) => { if (event.key === 'Enter') toggleSort(column.title); },
    }, column.title);
  }
  function draw() {
    const columns = state.view === 'summary' ? summaryColumns : classColumns;
    const list = sorted(visible(), columns.find((column) => column.title === state.sort));
    const rows = list.flatMap((one) => [
      element('tr', { class: 'group', 'data-experiment': one.label, onclick: () => { state.open[state.open.has(one.id) ? 'delete' : 'add'](one.id); draw(); } }, columns.map((column) => column.cell(one))),
      ...(state.open.has(one.id) ? one.runs.map((run) => element('tr', { class: 'seed' }, columns.map((column) => column.run(run)))) : []),
    ]);
    const none = element('tr', {}, element('td', { colspan: columns.length }, 'No experiment matches the filter.'));
    const table = clear(byId('table'), element('thead', {}, element('tr', {}, columns.map(headCell))), element('tbody', {}, rows.length ? rows : none));
    table.className = state.view === 'summary' ? '' : 'heat';
    byId('table-hint').textContent = `${list.length} of ${several(experiments.length, 'experiment')}. A click on a head sorts, on a row shows its seeds.${state.view === 'classes' ? ' Mean over seeds; point at a cell for its spread, the share of the oracle and the published value.' : ''}`;
  }

  clear(byId('setting'), element('option', { value: '' }, 'All settings'), unique(experiments.map((one) => one.setting)).map((name) => element('option', { value: name }, name)));
  byId('filter').addEventListener('input', draw);
  byId('setting').addEventListener('change', draw);
  for (const button of document.querySelectorAll('[data-view]')) {
    button.addEventListener('click', () => {
      state.view = button.dataset.view;
      document.querySelectorAll('[data-view]').forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
      draw();
    });
  }
  drawTiles();
  drawWarnings();
  draw();
})();
