// TeX to MathML, which browsers show without a script. In: [[tex, display], ...] as JSON; out: [mathml, ...].
// Run with NODE_PATH at a folder that holds the npm package mathjax.
let given = "";
process.stdin.on("data", chunk => { given += chunk; });
process.stdin.on("end", () => {
  const options = {loader: {load: ["input/tex"]}, tex: {packages: {"[-]": ["noundefined", "noerrors"]}}};
  require("mathjax").init(options).then(MathJax => {
    const formulas = JSON.parse(given).map(([tex, display]) => MathJax.tex2mml(tex, {display}));
    const broken = formulas.findIndex(mathml => mathml.includes("<merror"));
    if (broken >= 0) throw new Error(`cannot be typeset: ${JSON.parse(given)[broken][0]}`);
    console.log(JSON.stringify(formulas));
  }).catch(problem => { console.error(String(problem.message || problem)); process.exit(1); });
});
