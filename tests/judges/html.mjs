// Judges HTML: node html.mjs FILE… prints `file:line:column rule: message` for each error, and ends with 1 if there is one.
import { FileSystemConfigLoader, HtmlValidate } from "html-validate";

// Everything recommended but what email's layout tables and Outlook's conditional comments cannot do without.
const config = {
  root: true,
  extends: ["html-validate:recommended"],
  rules: {
    "no-inline-style": "off",
    "no-deprecated-attr": "off",
    "no-conditional-comment": "off",
    "prefer-native-element": "off",
  },
};

const judge = new HtmlValidate(new FileSystemConfigLoader(config));
let errors = 0;
for (const file of process.argv.slice(2)) {
  const report = await judge.validateFile(file);
  for (const { messages } of report.results) {
    for (const { line, column, ruleId, message } of messages) {
      errors += 1;
      console.log(`${file}:${line}:${column} ${ruleId}: ${message}`);
    }
  }
}
process.exitCode = errors ? 1 : 0;
