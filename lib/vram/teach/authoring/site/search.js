// Search over the sections of all pages. The index is a script beside this one, because a page from disk may not fetch.
(() => {
  document.documentElement.classList.add("script");
  const field = document.getElementById("search"), results = document.getElementById("results");
  const plain = text => text.toLowerCase().normalize("NFKD");
  const sections = SECTIONS.map(([page, anchor, title, heading, text]) =>
    ({page, anchor, title, heading, text, names: plain(`${title} ${heading}`), all: plain(`${title} ${heading} ${text}`)}));

  function find(query) {
    const words = plain(query).split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    return sections
      .filter(section => words.every(word => section.all.includes(word)))
      .map(section => ({section, score: words.filter(word => section.names.includes(word)).length}))
      .sort((a, b) => b.score - a.score).slice(0, 20).map(hit => hit.section);
  }

  function excerpt(section, query) {
    const word = plain(query).split(/\s+/)[0], at = Math.max(0, plain(section.text).indexOf(word) - 60);
    return (at ? "… " : "") + section.text.slice(at, at + 160) + " …";
  }

  function show() {
    const query = field.value.trim(), found = find(query);
    results.replaceChildren();
    if (!query) return;
    const count = document.createElement("p");
    count.textContent = field.dataset.found.replace("{n}", found.length);
    const list = document.createElement("ol");
    for (const section of found) {
      const item = document.createElement("li"), link = document.createElement("a"), text = document.createElement("div");
      link.href = document.documentElement.dataset.root + section.page + (section.anchor ? `#${section.anchor}` : "");
      link.textContent = section.heading ? `${section.title}: ${section.heading}` : section.title;
      text.textContent = excerpt(section, query);
      item.append(link, text);
      list.append(item);
    }
    results.append(count, list);
  }

  field.form.addEventListener("submit", event => { event.preventDefault(); show(); });
  field.addEventListener("input", show);
})();
