// The peer of ./bench compose: node mjml.mjs FILE RUNS prints the median of the microseconds in which official MJML renders FILE
// in this process, warmed up, as strictly as pressroom does.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const mjml2html = createRequire(import.meta.url)("mjml");
const [file, runs] = process.argv.slice(2);
const source = readFileSync(file, "utf8");

function once() {
  const began = process.hrtime.bigint();
  mjml2html(source, { validationLevel: "strict" });
  return Number(process.hrtime.bigint() - began) / 1000;
}

for (let warm = 0; warm < 10; warm += 1) once();
const times = Array.from({ length: Number(runs) }, once).sort((a, b) => a - b);
console.log(Math.round(times[Math.floor(times.length / 2)]));
