// Judges DKIM signatures with mailauth: node signature.mjs FOLDER
//
// The folder holds messages as a server received them (NAME.eml) and the DNS (dns.json: a TXT record by name). Prints
// `NAME ALGORITHM VERDICT` for each signature of each message, sorted.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";

const folder = process.argv[2];
const dns = JSON.parse(readFileSync(join(folder, "dns.json"), "utf8"));

// A TXT record comes in strings of at most 255 octets.
const resolver = async (name, type) => {
  if (type !== "TXT" || !(name in dns)) {
    throw Object.assign(new Error(`no ${type} record of ${name}`), { code: "ENOTFOUND" });
  }
  return [dns[name].match(/.{1,255}/g)];
};

const verdicts = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith(".eml"))) {
  const { results } = await dkimVerify(readFileSync(join(folder, file)), { resolver, minBitLength: 2048 });
  for (const { algo, status } of results) {
    verdicts.push(`${file.slice(0, -4)} ${algo} ${status.result === "pass" ? "pass" : "fail"}`);
  }
}
console.log(verdicts.sort().join("\n"));
