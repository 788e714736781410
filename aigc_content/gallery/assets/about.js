'use strict';
/* What is known of one asset, beside its enlarged picture. */
((app) => {
  const { el, svg } = app;

  /** The distribution over all assets with this one's bar lit. */
  const spark = (column, i) => {
    if (column.kind !== 'number' || !(column.high > column.low) || Number.isNaN(column.values[i])) return null;
    const highest = Math.max(...column.histogram);
    const mine = new Uint32Array(column.bins);
    const bin = column.bin(column.values[i]);
    mine[bin] = column.histogram[bin];
    let below = 0;
    let measured = 0;
    for (const value of column.values) {
      if (value < column.values[i]) below += 1;
      if (value === value) measured += 1;
    }
    const picture = svg(
      'svg',
      { class: 'spark', viewBox: `0 0 ${column.bins} 100`, preserveAspectRatio: 'none', role: 'img' },
      svg('title', {}, `More than ${Math.round((below / measured) * 100)} % of all`),
      svg('path', { class: 'all', d: app.bars(column.histogram, highest) }),
      svg('path', { class: 'mine', d: app.bars(mine, highest) }),
    );
    return picture;
  };

  const figures = (i) => {
    const measured = app.metrics.filter((column) => !Number.isNaN(column.order(i)));
    const rows = measured.map((column) =>
      el(
        'tr',
        {},
        el('th', { scope: 'row', title: column.name }, column.label),
        el('td', { class: 'bars' }, spark(column, i)),
        el('td', { class: 'value', title: column.text(i) }, column.text(i)),
      ),
    );
    return rows.length
      ? [el('h3', {}, 'Metrics'), el('table', { class: 'figures' }, el('tbody', {}, ...rows))]
      : [];
  };

  const written = (value) => {
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    if (typeof value !== 'object') return String(value);
    return JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ');
  };

  /** Metrics, params, files and origin of asset `i` as elements. */
  app.about = (i, details) => {
    const content = [...figures(i)];
    const said = (value) => value !== null && !(typeof value === 'object' && Object.keys(value).length === 0);
    const params = Object.entries(details.params).filter(([, value]) => said(value));
    if (params.length) {
      const block = (value) => typeof value === 'string' && value.includes('\n');
      content.push(
        el('h3', {}, 'Params'),
        el(
          'dl',
          { class: 'pairs' },
          ...params.flatMap(([name, value]) => [
            el('dt', {}, name),
            el('dd', {}, block(value) ? el('pre', {}, value) : written(value)),
          ]),
        ),
      );
    }
    if (details.files.length) {
      const link = (path) =>
        el(
          'li',
          {},
          el(
            'a',
            { href: app.href(path), title: path, target: '_blank', rel: 'noopener' },
            app.icon('file'),
            el('span', {}, path.split('/').pop()),
          ),
        );
      content.push(el('h3', {}, 'Files'), el('ul', { class: 'files' }, ...details.files.map(link)));
    }
    const sources = { trainedAlgorithmicMedia: 'a trained model (AI)', algorithmicMedia: 'an algorithm' };
    const made = Object.hasOwn(sources, details.source) ? sources[details.source] : details.source;
    const origin = [
      ['Made by', made],
      ['Attempts', app.count(details.attempts)],
      ['License', details.license],
      ['Digest', details.digest && details.digest.slice(0, 12)],
    ];
    content.push(
      el('h3', {}, 'Origin'),
      el(
        'dl',
        { class: 'pairs' },
        ...origin.flatMap(([name, value]) =>
          value ? [el('dt', {}, name), el('dd', { title: name === 'Digest' ? details.digest : null }, value)] : [],
        ),
      ),
    );
    return content;
  };
})(window.aigcGallery);
