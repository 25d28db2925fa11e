import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { apiReference, apiReferenceFile } from "../scripts/api-reference.ts";
import { configurationDocument, documents } from "../scripts/configuration-documents.ts";
import { variables } from "../src/environment.ts";
import { readSourceTree } from "./support/source-tree.ts";

const root = path.join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");

test.each(Object.keys(documents))(
  "%s says what src/environment.ts says; scripts/configuration-documents.ts writes it",
  (file) => {
    expect(read(file)).toBe(documents[file]?.());
  },
);

test("the API reference says what the comments of the contract say; `npm run generate` writes it", () => {
  const reference = read(apiReferenceFile);
  expect(reference).toBe(apiReference());
  const anchors = new Set([...reference.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchor(heading)));
  const dead = [...reference.matchAll(/\]\(#([^)]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((t) => !anchors.has(t));
  expect(dead).toEqual([]);
});

/** As Markdown renderers make it: lower case, spaces to hyphens, other signs left out. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");

test("the table of docs/configuration.md has one row for every variable, and no other", () => {
  const rows = [...read("docs/configuration.md").matchAll(/^\| `(\w+)` \| (.*?) \| (.*) \|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(Object.keys(variables));
  for (const [, name = "", value, description] of rows) {
    const variable = variables[name as keyof typeof variables];
    expect([name, value, description]).toEqual([
      name,
      variable.default ? `\`${variable.default}\`` : "–",
      variable.description,
    ]);
  }
  expect(configurationDocument()).not.toMatch(/\| +\|/);
});

const pages = ["README.md", ...readdirSync(path.join(root, "docs")).map((name) => `docs/${name}`)];

test.each(pages)("what %s links to is there", (page) => {
  const links = [...read(page).matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, target = ""]) => target);
  const ours = links.filter((target) => !/^https?:/.test(target));
  if (page === "README.md") expect(ours.length).toBeGreaterThan(10);
  const missing = ours.filter((target) => !existsSync(path.join(root, path.dirname(page), target)));
  expect(missing).toEqual([]);
});

test("the files that the README names are there", () => {
  const named = [...read("README.md").matchAll(/`((?:src|test|proto|docs|scripts|bench|\.ci)\/[^`\s*<>]*)`/g)];
  expect(named.length).toBeGreaterThan(8);
  expect(named.map(([, name = ""]) => name).filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
});

test("every document that the code names is there", () => {
  const named = readSourceTree(root, "src").flatMap(({ text }) =>
    [...text.matchAll(/\bdocs\/[\w./-]+\.md\b/g)].map(String),
  );
  expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
});
