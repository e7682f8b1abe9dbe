// A peer of ./bench sign: node nodemailer.mjs PORT CONNECTIONS MESSAGES FOLDER KEY sends the issue that FOLDER holds (issue.html,
// issue.txt), the same to every reader and signed with RSA, over a pool of connections, as its manual says.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const nodemailer = createRequire(import.meta.url)("nodemailer");
const [port, connections, messages, folder, key] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity,
  ignoreTLS: true,
  dkim: { domainName: "mail.example.com", keySelector: "bench", privateKey: readFileSync(key, "utf8") },
});
const html = readFileSync(`${folder}/issue.html`, "utf8");
const text = readFileSync(`${folder}/issue.txt`, "utf8");
let left = Number(messages);

async function work() {
  while (left > 0) {
    left -= 1;
    const to = `Reader ${left} <reader${left}@example.com>`;
    await transport.sendMail({ from: "Quiet Pager <editor@mail.example.com>", to, subject: "Quiet Pager", html, text });
  }
}

await Promise.all(Array.from({ length: 2 * Number(connections) }, work));
transport.close();
