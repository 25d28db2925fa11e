import { readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "./gateway.ts";

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  /** Where it stands, as `README.md:12`. */
  readonly place: string;
  /** The block labelled `text` that follows at once: what the call prints, `…` standing for anything. */
  readonly output?: string;
}

/** Where the documents say the gateway is. */
export const documentedPort = "localhost:8000";

/** The fenced blocks of a document of this project, in order. */
export function codeBlocks(file: string): readonly CodeBlock[] {
  const markdown = readFileSync(path.join(projectRoot, file), "utf8");
  const fenced = [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
    start: match.index,
    end: match.index + match[0].length,
  }));
  return fenced.map(({ language, text, start, end }, i) => {
    const next = fenced[i + 1];
    const follows = next?.language === "text" && markdown.slice(end, next.start).trim() === "";
    return { language, text, place: `${file}:${lineAt(markdown, start)}`, ...(follows && { output: next.text }) };
  });
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** The blocks that call a running gateway from a shell. */
export function shellCalls(file: string): readonly CodeBlock[] {
  return codeBlocks(file).filter(({ language, text }) => language === "sh" && text.includes(documentedPort));
}

/** A pattern for an output block: `…` stands for anything, white space at the ends does not matter. */
export function outputPattern(output: string): RegExp {
  const escaped = output.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("…", "[\\s\\S]*?")}$`);
}
