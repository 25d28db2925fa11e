import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import { projectRoot } from "./gateway.ts";

/** A program that the tests use and npm does not install. */
export interface ForeignTool {
  readonly program: string;
  /** Why it cannot be used; undefined when it can. */
  readonly missing: string | undefined;
}

export const curl: ForeignTool = tool("curl", () =>
  works("curl", ["--version"], /\bHTTP2\b/) ? undefined : "curl with HTTP/2 is not installed",
);

const chromiumProgram = "/usr/bin/chromium";

export const chromium: ForeignTool = tool(chromiumProgram, () =>
  existsSync(chromiumProgram) ? undefined : `${chromiumProgram} is not installed`,
);

/** Pinned by `.ci/run`, which builds it. */
export const helm: ForeignTool = tool("helm", () =>
  works("helm", ["version", "--short"], /^v3/) ? undefined : "helm 3 is not installed",
);

const venvPython = path.join(projectRoot, ".venv/bin/python");

/** Python in the project's own environment, which `.ci/run` makes. */
export const python: ForeignTool = tool(venvPython, () =>
  works(venvPython, ["-c", "import grpc, grpc_tools; print('ready')"], /ready/)
    ? undefined
    : "there is no .venv with grpcio-tools",
);

/**
 * Describes tests that need a foreign tool. Where it is missing they are skipped, with the reason in the name; with CI=true
 * they fail, because there the tool should have been installed.
 */
export function describeWith({ missing }: ForeignTool, name: string, body: () => void): void {
  if (missing === undefined) describe(name, body);
  else if (process.env.CI === "true") {
    test(name, () => {
      throw new Error(missing);
    });
  } else describe.skip(`${name} (skipped: ${missing})`, body);
}

function tool(program: string, look: () => string | undefined): ForeignTool {
  return { program, missing: look() };
}

function works(program: string, args: readonly string[], said: RegExp): boolean {
  const { status, stdout } = spawnSync(program, [...args], { encoding: "utf8" });
  return status === 0 && said.test(stdout);
}
