import { existsSync } from "node:fs";
import path from "node:path";
import { buildWeb } from "../../scripts/build-web.ts";
import { run } from "./process.ts";

const root = path.join(import.meta.dirname, "../..");

/**
 * Once before all tests: builds what `npm start` runs, because the tests start it. Type errors are shown and left to
 * `npm run typecheck`.
 */
export default async function build(): Promise<void> {
  const compiler = path.join(root, "node_modules/.bin/tsc");
  // Only what has changed is written: a gateway of another run may be reading its files.
  const args = ["-p", "tsconfig.build.json", "--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"];
  const { code, stdout, stderr } = await run(compiler, args, { cwd: root, timeoutMs: 120_000 });
  if (code !== 0) process.stderr.write(stdout + stderr);
  if (!existsSync(path.join(root, "dist/src/main.js"))) throw new Error("the build has made no dist/src/main.js");
  await buildWeb();
}
