// Judges what mail programs make of HTML: node support.mjs FILE… holds the features that some program lacks against the baseline in
// support.json, by caniemail's tables (MIT; those of 9 September 2025), and ends with 1 if there is one more, or one less than it
// says. With --write it writes the baseline.
import { readFile, writeFile } from "node:fs/promises";
import { caniemail } from "caniemail";

// Named one by one: for the rest the tables have gaps that the package stumbles over.
const clients = ["apple-mail.*", "gmail.*", "outlook.*", "yahoo.*", "samsung-email.*"];
const baseline = new URL("support.json", import.meta.url);

const found = { errors: new Set(), warnings: new Set() };
const files = process.argv.slice(2).filter((argument) => argument !== "--write");
for (const file of files) {
  const { issues } = caniemail({ clients, html: await readFile(file, "utf8") });
  for (const severity of ["errors", "warnings"]) {
    for (const programs of issues[severity].values()) {
      for (const { title } of programs) found[severity].add(title);
    }
  }
}
const now = { errors: [...found.errors].sort(), warnings: [...found.warnings].sort() };
if (process.argv.includes("--write")) await writeFile(baseline, `${JSON.stringify(now, null, 2)}\n`);

const before = JSON.parse(await readFile(baseline, "utf8"));
for (const severity of ["errors", "warnings"]) {
  const worse = now[severity].filter((title) => !before[severity].includes(title));
  const better = before[severity].filter((title) => !now[severity].includes(title));
  for (const title of worse) console.log(`${severity}: ${title}: some program lacks it, and the baseline does not have it`);
  for (const title of better) console.log(`${severity}: ${title}: no longer needed; take it out of support.json`);
  if (worse.length || better.length) process.exitCode = 1;
}
