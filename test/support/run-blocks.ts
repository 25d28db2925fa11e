import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import esbuild from "esbuild";
import { type CodeBlock, documentedPort } from "./code-blocks.ts";
import { projectRoot, temporaryFolder } from "./gateway.ts";
import { run } from "./process.ts";

/** Where the documents' addresses are in the test: each text is replaced by another. */
export type Places = Readonly<Record<string, string>>;

/** The places of a gateway, and of the other server that the documents mention. */
export function placesOf(gatewayUrl: string, otherUrl?: string): Places {
  const port = new URL(gatewayUrl).port;
  return { [documentedPort]: `localhost:${port}`, ...(otherUrl && { "http://localhost:11434/v1": otherUrl }) };
}

/**
 * Runs a shell block as it is printed, in the project's folder, with `env` beside this process' own; returns what it prints.
 * Throws when it fails.
 */
export async function runShell(block: CodeBlock, places: Places, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = { cwd: projectRoot, env: { ...process.env, ...env } };
  const { code, stdout, stderr } = await run("bash", ["-ec", moved(block.text, places)], options);
  if (code !== 0) throw new Error(`${block.place} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** Runs a TypeScript block in node, as a file in the project's folder would run. */
export async function runTypeScript(block: CodeBlock, places: Places): Promise<string> {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: moved(block.text, places), resolveDir: projectRoot, loader: "ts" },
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    logLevel: "error",
  });
  const folder = temporaryFolder();
  try {
    const file = path.join(folder, "block.mjs");
    writeFileSync(file, outputFiles[0]?.text ?? "");
    const { code, stdout, stderr } = await run(process.execPath, [file]);
    if (code !== 0) throw new Error(`${block.place} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A block's text with its addresses replaced. */
export function moved(text: string, places: Places): string {
  return Object.entries(places).reduce((result, [from, to]) => result.replaceAll(from, to), text);
}
