// A control of a slide: puts the chosen sizes into the formulas and writes down what comes out. All numbers are BigInt.
// The texts are those of vram.ledger.units: rounded to the nearest, ties to the even digit.
const vramLive = {
  decimal(value, unit, digits) {
    const scale = 10n ** BigInt(digits), scaled = value * scale;
    let whole = scaled / unit;
    const twice = 2n * (scaled % unit);
    if (twice > unit || (twice === unit && whole % 2n === 1n)) whole += 1n;
    const text = (whole / scale).toString().replace(/\B(?=(\d{3})+$)/g, ",");
    return digits ? `${text}.${(whole % scale).toString().padStart(digits, "0")}` : text;
  },

  bytes(value) {
    const units = [["GiB", 1n << 30n, 10n], ["MiB", 1n << 20n, 100n], ["KiB", 1n << 10n, 100n]];
    for (const [name, unit, least] of units)
      if (value * 100n >= unit * least) return `${vramLive.decimal(value, unit, 2)} ${name}`;
    return `${vramLive.decimal(value, 1n, 0)} B`;
  },

  both(value) {
    return `${vramLive.decimal(value, 1n << 30n, 2)} GiB (${vramLive.decimal(value, 10n ** 9n, 2)} GB)`;
  },

  percent(part, total) { return total ? `${vramLive.decimal(100n * part, total, 1)} %` : ""; },

  tflops(value) { return `${vramLive.decimal(value, 10n ** 12n, 2)} TFLOPs`; },

  count(value) { return vramLive.decimal(value, 1n, 0); },

  // What a state comes to: {total, capacity, parts} of BigInt, and the texts that are shown.
  answer(slide, sizes) {
    const values = slide.symbols.map(name => sizes[name]);
    const write = vramLive[slide.unit];
    const amounts = slide.parts.map(formula => formula(...values));
    const total = amounts.reduce((sum, value) => sum + value, 0n);
    const capacity = slide.capacity ? sizes[slide.capacity] : null;
    const which = capacity === null ? slide.unit : total <= capacity ? "fits" : "lacks";
    const left = capacity === null ? 0n : total <= capacity ? capacity - total : total - capacity;
    const texts = {total: write(total), capacity: write(capacity ?? 0n), left: write(left)};
    const verdict = slide.verdict[which].replace(/\{(\w+)\}/g, (_, name) => texts[name]);
    const parts = amounts.map(value => ({value, text: write(value), share: vramLive.percent(value, total)}));
    return {total, capacity, verdict, parts};
  },

  // Connects the controls of one slide with what it shows.
  start(slide) {
    const root = document.getElementById(slide.id);
    const selects = [...root.querySelectorAll("select")];
    const show = () => {
      const sizes = {};
      for (const select of selects)
        for (const [name, value] of Object.entries(JSON.parse(select.value))) sizes[name] = BigInt(value);
      const answer = vramLive.answer(slide, sizes);
      const scale = answer.capacity !== null && answer.capacity > answer.total ? answer.capacity : answer.total;
      const share = value => scale ? Number(1000000n * value / scale) / 10000 : 0;
      root.querySelector("[role=status]").textContent = answer.verdict;
      answer.parts.forEach((part, n) => {
        root.querySelectorAll("[data-part]")[n].style.width = `${share(part.value)}%`;
        root.querySelectorAll("[data-size]")[n].textContent = part.text;
        root.querySelectorAll("[data-share]")[n].textContent = part.share;
      });
      const mark = root.querySelector("[data-mark]");
      if (mark) mark.style.left = `${share(answer.capacity)}%`;
    };
    // The arrow keys belong to the control while it has the focus, not to the deck.
    for (const select of selects) {
      select.addEventListener("change", show);
      select.addEventListener("keydown", event => event.stopPropagation());
    }
    show();
  },
};
if (typeof module !== "undefined") module.exports = vramLive;
