'use strict';
/* What a picture is made of: its layers, its colors, and the texts that stand in it. */
((app) => {
  const { el } = app;
  const off = new Set(); // names of hidden layers; those of the next asset are hidden too

  /** The texts that stand in asset `i`'s picture, to be laid over it in the same size; an empty list where none do. */
  app.captions = (i, width, height) => {
    const { captioned, captions } = app.index.items;
    if (!Object.hasOwn(captioned, i)) return [];
    const line = ([text, x, y, wide]) => {
      const node = el('span', { class: 'line' }, el('span', { class: 'text', title: text }, text));
      node.style.left = `${(x / width) * 100}%`;
      node.style.top = `${(y / height) * 100}%`;
      node.style.width = `${(wide / width) * 100}%`;
      return node;
    };
    return [el('span', { class: 'captions' }, ...captions[captioned[i]].map(line))];
  };

  /** Shows `picture`, whose first child is the whole, without the layers that are off; loads them when first needed. */
  app.lay = async (picture, layers, media) => {
    const whole = picture.firstElementChild;
    const parted = layers.some(([name]) => off.has(name));
    if (parted && !picture.querySelector('.stack')) {
      const images = layers.map(([, path]) => el('img', { alt: '', draggable: 'false', src: app.href(path) }));
      try {
        await Promise.all(images.map((img) => img.decode())); // all begin at once, so that they move together
      } catch {
        app.toast('The picture of a layer is missing');
        return;
      }
      if (picture.firstElementChild !== whole || picture.querySelector('.stack')) return;
      whole.after(el('span', { class: 'stack' }, ...images.map((img) => app.stilled(img, media))));
    }
    const stack = picture.querySelector('.stack');
    if (stack) layers.forEach(([name], place) => (stack.children[place].hidden = off.has(name)));
    picture.classList.toggle('parted', layers.some(([name]) => off.has(name)) && stack !== null);
  };

  /** Shows all layers again. */
  app.allLayers = () => off.clear();

  const toggles = (layers, changed) => {
    const box = ([name]) => {
      const input = el('input', { type: 'checkbox', checked: !off.has(name), 'data-layer': name });
      input.addEventListener('change', () => {
        if (input.checked) off.delete(name);
        else off.add(name);
        changed();
      });
      return el('label', {}, input, el('span', { title: name }, name));
    };
    const boxes = el('div', { class: 'boxes' }, ...[...layers].reverse().map(box)); // the highest first
    return el('fieldset', { class: 'layers' }, el('legend', {}, 'Layers'), boxes);
  };

  const strip = (colors) => {
    const swatch = (color) => {
      const node = el('li', { title: color }, el('span', { class: 'offscreen' }, color));
      node.style.backgroundColor = color; // takes nothing but a color
      return node;
    };
    return el('ul', { class: 'palette' }, ...colors.map(swatch));
  };

  /** Layers and palette of an asset as elements; `changed` is called when a layer is shown or hidden. */
  app.composition = (details, changed) => [
    ...(details.layers.length ? [toggles(details.layers, changed)] : []),
    ...(details.colors.length
      ? [
          el('h3', {}, 'Palette', el('span', { class: 'faint' }, ` · ${details.colors.length}`)),
          strip(details.colors),
        ]
      : []),
  ];
})(window.aigcGallery);
