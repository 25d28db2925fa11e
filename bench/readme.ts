import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Verdict } from "./report.ts";

const file = path.join(import.meta.dirname, "../README.md");
const begin = "<!-- figures: written by `npm run bench` -->";
const end = "<!-- end of figures -->";

/** Puts the figures between the two marks of the README. Throws when they are not there. */
export function writeReadme(verdicts: readonly Verdict[], about: string, warning: string | undefined): void {
  const text = readFileSync(file, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`README.md has no place for the figures: ${begin} … ${end}`);
  const table = [
    "| what | goal | measured |",
    "|---|---|---|",
    ...verdicts.map(
      ({ what, goal, measured, share }) => `| ${what} | ${goal} | ${measured}${share <= 1 ? "" : " ✗"} |`,
    ),
  ];
  const lines = [
    "",
    about,
    ...(warning ? ["", warning] : []),
    "",
    ...table,
    "",
    "![share of each goal](bench/results.svg)",
    "",
  ];
  writeFileSync(file, text.slice(0, from + begin.length) + lines.join("\n") + text.slice(to));
}
