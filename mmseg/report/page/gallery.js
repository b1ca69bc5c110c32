// Pictures: two layers of a scene over each other, and a slider that moves the border between them.
(() => {
  const { scenes, notes } = DATA.gallery;
  const place = byId('viewer');
  const noteList = notes.map((text) => element('p', { class: 'note' }, text));
  if (!scenes.length) {
    clear(place, noteList.length ? noteList : element('p', { class: 'hint' }, 'This report was made without pictures.'));
    return;
  }
  const state = { scene: 0, left: 'image', right: scenes[0].layers.at(-1)[0], at: 50 };
  const bestShown = DATA.experiments.filter((one) => one.role === 'method' && headline(one) !== null).sort((a, b) => headline(b) - headline(a))
    .find((one) => scenes[0].layers.some(([title]) => title === one.label));
  if (bestShown) state.right = bestShown.label;

  const layer = (side) => {
    const { layers } = scenes[state.scene];
    return layers.find(([title]) => title === state[side]) ?? layers[side === 'left' ? 0 : layers.length - 1];
  };
  const IMAGES = ['image', 'image, contrast stretched']; // all other layers are label maps
  const picture = (side) => element('img', { alt: layer(side)[0], class: IMAGES.includes(layer(side)[0]) ? null : 'map', src: layer(side)[1], draggable: 'false' });

  function frame() {
    const over = element('div', { class: 'over' }, picture('left'));
    const bar = element('div', { class: 'bar' });
    const slider = element('input', { type: 'range', id: 'slider', min: 0, max: 100, step: 0.5, value: state.at, 'aria-label': 'Border between the two pictures' });
    const move = () => {
      state.at = Number(slider.value);
      over.style.clipPath = `inset(0 ${100 - state.at}% 0 0)`;
      bar.style.left = `${state.at}%`;
    };
    slider.addEventListener('input', move);
    // Some browsers drag by the thumb alone, which is not drawn here: follow the pointer everywhere.
    slider.addEventListener('pointermove', (event) => {
      if (!event.buttons) return;
      const box = slider.getBoundingClientRect();
      slider.value = (100 * (event.clientX - box.left)) / box.width;
      move();
    });
    move();
    return element('div', { class: 'frame', id: 'frame' }, picture('right'), over, slider, bar,
      element('span', { class: 'tag l' }, layer('left')[0]), element('span', { class: 'tag r' }, layer('right')[0]));
  }
  function choice(side, text) {
    const select = element('select', { id: `layer-${side}`, onchange: () => { state[side] = select.value; draw(); } },
      scenes[state.scene].layers.map(([title]) => element('option', { selected: title === layer(side)[0] }, title)));
    return element('label', {}, text, select);
  }
  function draw() {
    const scene = scenes[state.scene];
    const legend = Object.entries(scene.colours).map(([name, [r, g, b]]) => element('span', {}, element('i', { class: 'dot', style: `background:rgb(${r},${g},${b})` }), name));
    const stretched = (one) => one.layers.find(([title]) => title === IMAGES[1]);
    const dark = stretched(scene) ? ' The image is dark: its thumbnail has its contrast stretched, and "image, contrast stretched" shows it so.' : '';
    const thumbs = scenes.map((one, index) => element('button', {
      type: 'button', title: stretched(one) ? `${one.name} (contrast stretched)` : one.name, 'aria-label': one.name, 'aria-pressed': String(index === state.scene), onclick: () => { state.scene = index; draw(); },
    }, element('img', { src: (stretched(one) ?? one.layers[0])[1], alt: '' })));
    clear(place,
      element('div', { class: 'viewer' },
        element('div', {}, frame(), element('div', { class: 'thumbs' }, thumbs)),
        element('div', { class: 'side' }, choice('left', 'Left of the slider'), choice('right', 'Right of the slider'),
          element('p', { class: 'hint' }, `${scene.name}. Drag the slider, or use the arrow keys on it. Striped: not labelled.${dark}`), element('div', { class: 'legend' }, legend))),
      noteList);
  }
  draw();
})();
