// What the configs and the machines of the runs do not share.
(() => {
  function drawConfig() {
    const words = byId('config-filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = DATA.config.filter(([key]) => words.every((word) => key.toLowerCase().includes(word)));
    const head = element('thead', {}, element('tr', {}, ['Key', ...DATA.experiments.map((one) => one.label)].map((title) => element('th', { scope: 'col' }, title))));
    // The value that most experiments have is the ground; what departs from it is coloured.
    const usual = (values) => [...values].sort((a, b) => values.filter((v) => v === b).length - values.filter((v) => v === a).length)[0];
    const body = rows.map(([key, values]) => element('tr', {}, element('td', {}, key),
      values.map((value) => element('td', { class: value === usual(values) ? null : 'odd', title: value.length > 60 ? value : null }, element('div', { class: 'clip' }, value)))));
    const none = element('tr', {}, element('td', { colspan: DATA.experiments.length + 1 }, DATA.config.length ? 'No key matches the filter.' : 'The configs do not differ.'));
    clear(byId('config'), head, element('tbody', {}, body.length ? body : none));
  }

  const entries = Object.entries(DATA.environment);
  const differs = entries.filter(([, values]) => values.length > 1);
  const same = entries.filter(([, values]) => values.length === 1);
  const line = (values) => values.map(([value, runs]) => element('div', { title: runs.join('\n') }, value, values.length > 1 ? element('span', { class: 'pm' }, ` – ${runs.length} run${runs.length === 1 ? '' : 's'}: ${runs.slice(0, 3).join(', ')}${runs.length > 3 ? ', …' : ''}`) : ''));
  clear(byId('environment'),
    element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'What'), element('th', { scope: 'col' }, 'Value'))),
    element('tbody', {},
      differs.map(([name, values]) => element('tr', {}, element('td', {}, name), element('td', { class: 'odd' }, line(values)))),
      same.map(([name, values]) => element('tr', {}, element('td', {}, name), element('td', {}, line(values)))),
      entries.length ? [] : element('tr', {}, element('td', { colspan: 2 }, 'The runs left no record of it.'))));
  byId('config-filter').addEventListener('input', drawConfig);
  drawConfig();
})();
