// Judges an issue, or a page of the readers' side, as readers see it: node page.mjs [--screens FOLDER] [--pages] FILE|URL…
//
// With --pages the files too are pages for browsers, not issues.
// A URL is a page that a server shows: it may ask that server for its stylesheet, and is looked at on a desktop too. With `#press=WORDS`
// behind it the button of these words is pressed first, and what comes then is judged.
//
// Each file is opened at phone and desktop widths, light and dark, with images and without, and with every <style> removed as
// some clients do. Prints `file [width scheme variant] what` for each fault and ends with 1 if there is one. Nothing is fetched:
// a stand-in serves as every image, and a page that asks for anything else is at fault.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const WIDTHS = [320, 375, 600];
const SCHEMES = ["light", "dark"];
/** A page's: a phone's and a desktop's. */
const PAGE_WIDTHS = [375, 1280];
/** Fingers need this many CSS pixels. */
const TAP = 44;
/** What fingers aim at: titles, the sponsor's button, the footer's links. Each must be there, or the judge would look at nothing. */
const TARGETS = ["h2 > a", "h3 > a", ".cta a", "a.f"];
const NEEDED = ["h2 > a", "a.f"];
const PAGE_TARGETS = ["button", "fieldset label", "input[type=text]", "input[type=email]", "summary"];
const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="600"><rect width="1200" height="600" fill="#c9bfae"/></svg>`;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const arguments_ = process.argv.slice(2);
const screens = arguments_[0] === "--screens" ? arguments_.splice(0, 2)[1] : null;
const pages = arguments_[0] === "--pages" && arguments_.shift();
if (screens) mkdirSync(screens, { recursive: true });

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium as root, as in a container, has no sandbox; the pages are ours and reach no network.
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--font-render-hinting=none"],
});
const pressed = new Set();
let faults = 0;
try {
  for (const file of arguments_) {
    for (const view of isPage(file) ? pageViews() : views()) {
      for (const fault of await judge(file, view)) {
        faults += 1;
        console.log(`${file} [${view.width} ${view.scheme} ${view.variant}] ${fault}`);
      }
    }
  }
} finally {
  await browser.close();
}
process.exitCode = faults ? 1 : 0;

function views() {
  const full = WIDTHS.flatMap((width) => SCHEMES.map((scheme) => ({ width, scheme, variant: "full" })));
  const bare = WIDTHS.map((width) => ({ width, scheme: "light", variant: "no-style" }));
  return [...full, ...bare, { width: 320, scheme: "light", variant: "no-images" }];
}

function isPage(file) {
  return pages || isUrl(file);
}

function isUrl(file) {
  return file.startsWith("http://");
}

function pageViews() {
  return PAGE_WIDTHS.flatMap((width) => SCHEMES.map((scheme) => ({ width, scheme, variant: "full" })));
}

async function open(page, file) {
  if (!isUrl(file)) return page.goto(pathToFileURL(path.resolve(file)).href);
  const [url, words] = file.split("#press=");
  await page.goto(url);
  if (words) {
    const button = (await page.$$("button")).map(async (one) => ({ one, text: await one.evaluate((it) => it.textContent) }));
    const found = (await Promise.all(button)).find(({ text }) => text === decodeURIComponent(words));
    if (found) await Promise.all([page.waitForNavigation(), found.one.click()]);
    // What was pressed for one view may have led where there is no such button any more.
    else if (!pressed.has(file)) throw new Error(`no button "${words}" on ${url}`);
    pressed.add(file);
  }
  return page.$$eval("details", (all) => all.forEach((one) => (one.open = true)));
}

async function judge(file, { width, scheme, variant }) {
  const page = await browser.newPage();
  const faults = [];
  try {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setRequestInterception(true);
    page.on("request", (request) => answer(request, file, variant, faults));
    await open(page, file);
    if (variant === "no-style") await page.$$eval("style", (styles) => styles.forEach((style) => style.remove()));
    faults.push(...(await accessibility(page)), ...(await page.evaluate(sideways)), ...(await page.evaluate(images)));
    if (isPage(file)) faults.push(...(await page.evaluate(ragged)));
    const needed = variant === "full" && !isPage(file) ? NEEDED : [];
    faults.push(...(await page.evaluate(taps, isPage(file) ? PAGE_TARGETS : TARGETS, needed, TAP)));
    if (screens) await page.screenshot({ path: picture(file, { width, scheme, variant }), fullPage: true });
  } finally {
    await page.close();
  }
  return faults;
}

function picture(file, { width, scheme, variant }) {
  const name = isUrl(file) ? file.split("/").slice(3).map((part) => part.slice(0, 20)).join("-") : path.basename(path.dirname(path.resolve(file)));
  return path.join(screens, `${name}-${width}-${scheme}${variant === "full" ? "" : `-${variant}`}.png`);
}

function answer(request, file, variant, faults) {
  if (request.url().startsWith("file:")) return request.continue();
  if (isUrl(file) && request.url().startsWith(new URL(file).origin)) return request.continue();
  if (request.resourceType() !== "image") faults.push(`asks for ${request.resourceType()} ${request.url()}`);
  if (request.resourceType() !== "image" || variant === "no-images") return request.abort();
  return request.respond({ contentType: "image/svg+xml", body: PICTURE });
}

async function accessibility(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.any[0]?.message ?? node.failureSummary}`));
}

// The functions below run in the page.

function sideways() {
  const room = window.innerWidth;
  const needed = document.documentElement.scrollWidth;
  if (needed <= room) return within();

  /** What scrolls within the page hides what is beyond its edge: code may, numbers may not. */
  function within() {
    return [...document.querySelectorAll("body :not(pre)")]
      .filter((box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth)
      .map((box) => `scrolls within: ${box.scrollWidth} of ${box.clientWidth} px: ${box.textContent.trim().slice(0, 60)}`);
  }
  const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > room + 0.5);
  const inmost = wide.find((element) => !wide.some((other) => other !== element && element.contains(other)));
  return [`scrolls sideways: ${needed} of ${room} px, because of ${inmost?.outerHTML.slice(0, 120) ?? "the page"}`];
}

/** The lines of a label beside a box begin below one another. */
function ragged() {
  return [...document.querySelectorAll("fieldset label")].flatMap((label) => {
    const toRight = getComputedStyle(label).direction === "ltr";
    const words = document.createTreeWalker(label, NodeFilter.SHOW_TEXT);
    const lines = [];
    while (words.nextNode()) {
      const text = words.currentNode;
      if (!text.data.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      range.setStart(text, text.data.search(/\S/));
      for (const { left, right, top, bottom } of range.getClientRects()) {
        const [start, middle] = [toRight ? left : -right, (top + bottom) / 2];
        const line = lines.find((one) => Math.abs(one.middle - middle) < 8);
        if (line) line.start = Math.min(line.start, start);
        else lines.push({ start, middle });
      }
    }
    const starts = lines.map((line) => Math.round(line.start));
    return new Set(starts).size > 1 ? [`lines begin at ${starts} px: ${label.textContent.trim().slice(0, 60)}`] : [];
  });
}

function images() {
  return [...document.querySelectorAll("img")]
    .filter((image) => image.getAttribute("alt") === null || image.getAttribute("width") === null)
    .map((image) => `image without alt or width: ${image.outerHTML.slice(0, 120)}`);
}

function taps(selectors, needed, least) {
  const missing = needed.filter((selector) => !document.querySelector(selector)).map((selector) => `no \`${selector}\` on the page`);
  const small = [...document.querySelectorAll(selectors.join(", "))]
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, box]) => box.height < least - 0.5 || box.width < least - 0.5)
    .map(([element, box]) => `too small to tap: ${Math.round(box.width)} × ${Math.round(box.height)} px: ${element.textContent.trim()}`);
  return [...missing, ...small];
}
