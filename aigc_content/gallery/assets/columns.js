'use strict';
/* The index as columns: numbers in typed arrays, words as ranks, histograms. */
((app) => {
  const BINS = 32;
  const collator = new Intl.Collator('en', { numeric: true });

  class NumberColumn {
    constructor(key, group, name, values) {
      Object.assign(this, { key, group, name, kind: 'number', label: app.label(name) });
      this.values = Float64Array.from(values, (value) => (value === null ? NaN : value));
      this.low = Infinity;
      this.high = -Infinity;
      this.whole = true;
      this.missing = 0;
      for (const value of this.values) {
        if (Number.isNaN(value)) {
          this.missing += 1;
          continue;
        }
        if (value < this.low) this.low = value;
        if (value > this.high) this.high = value;
        if (this.whole && !Number.isInteger(value)) this.whole = false;
      }
      this.varies = this.high > this.low || (this.missing > 0 && this.missing < this.values.length);
      const span = this.high - this.low;
      this.bins = this.whole && span < BINS ? Math.max(1, span + 1) : BINS;
      this.pad = this.whole && span < BINS ? 0.5 : 0; // a whole number stands in the middle of its bin
      this.histogram = this.count(null);
    }

    /** Which bar of the histogram a value falls in. */
    bin(value) {
      const start = this.low - this.pad;
      const span = this.high + this.pad - start || 1;
      return Math.min(this.bins - 1, Math.floor(((value - start) / span) * this.bins));
    }

    /** How many of the assets `rows` (null: all) fall in each bar. */
    count(rows) {
      const counts = new Uint32Array(this.bins);
      const { values } = this;
      const length = rows ? rows.length : values.length;
      for (let place = 0; place < length; place += 1) {
        const value = values[rows ? rows[place] : place];
        if (value === value) counts[this.bin(value)] += 1;
      }
      return counts;
    }

    text(i) {
      return app.number(this.values[i]);
    }

    order(i) {
      return this.values[i];
    }
  }

  class WordColumn {
    constructor(key, group, name, words, of) {
      Object.assign(this, { key, group, name, kind: 'words', label: app.label(name), words });
      this.of = Int32Array.from(of);
      const sorted = words.map((word, place) => place).sort((a, b) => collator.compare(words[a], words[b]));
      this.ranks = new Int32Array(words.length);
      sorted.forEach((place, rank) => (this.ranks[place] = rank));
      this.sorted = sorted;
      this.histogram = this.count(null);
      this.varies =
        this.histogram.filter((count) => count > 0).length > 1 || (this.of.includes(-1) && words.length > 0);
    }

    count(rows) {
      const counts = new Uint32Array(this.words.length);
      const length = rows ? rows.length : this.of.length;
      for (let place = 0; place < length; place += 1) {
        const word = this.of[rows ? rows[place] : place];
        if (word >= 0) counts[word] += 1;
      }
      return counts;
    }

    text(i) {
      return this.of[i] < 0 ? '–' : this.words[this.of[i]];
    }

    order(i) {
      return this.of[i] < 0 ? NaN : this.ranks[this.of[i]];
    }
  }

  /** In which jobs a column has a value at all. */
  const jobsOf = (column) => {
    const found = new Uint8Array(app.index.jobs.length);
    app.index.items.job.forEach((job, i) => {
      if (column.kind === 'words' ? column.of[i] >= 0 : !Number.isNaN(column.values[i])) found[job] = 1;
    });
    return found;
  };

  /** Reads the index into columns by key; the key is the group's letter and the name. */
  app.readIndex = () => {
    const { index } = app;
    const read = (group) =>
      index.columns[group].map((column) => {
        const key = `${group[0]}.${column.name}`;
        return column.numbers
          ? new NumberColumn(key, group, column.name, column.numbers)
          : new WordColumn(key, group, column.name, column.words, column.of);
      });
    app.metrics = read('metrics');
    app.params = read('params');
    app.made = read('build');
    const metricNames = new Set(app.metrics.map((column) => column.label));
    for (const column of app.params) if (metricNames.has(column.label)) column.label += ' (asked)';
    app.jobs = new WordColumn('job', 'job', 'job', index.jobs, index.items.job);
    app.columns = new Map(
      [...app.metrics, ...app.params, ...app.made, app.jobs].map((column) => [column.key, column]),
    );
    for (const column of app.columns.values()) column.inJobs = jobsOf(column);
    app.total = index.items.ids.length;
    app.places = new Map(index.items.ids.map((id, place) => [id, place]));
    const { items } = index;
    app.id = (i) => items.ids[i];
    app.jobName = (i) => index.jobs[items.job[i]];
    app.media = (i) => items.medias[items.media[i]];
    app.preview = (i) => (items.preview[i] < 0 ? null : items.paths[items.preview[i]].join(items.ids[i]));
  };
})(window.aigcGallery);
