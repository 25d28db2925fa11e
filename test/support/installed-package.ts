import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { projectRoot, temporaryFolder } from "./gateway.ts";
import { run } from "./process.ts";

/** What `npm pack` makes, as it is once it is installed in a project of its own. */
export interface InstalledPackage extends Disposable {
  /** The project's folder. */
  readonly project: string;
  /** The package's own folder in it. */
  readonly folder: string;
  /** Every file of the tarball, from the package's folder. */
  readonly files: readonly string[];
}

/**
 * Packs what is built and unpacks it where npm would install it. Nothing is downloaded: what the package says that it
 * depends on is linked from this project, and nothing else, so that what it does not say is missing.
 */
export async function installPackage(): Promise<InstalledPackage> {
  const project = temporaryFolder();
  const modules = path.join(project, "node_modules");
  const folder = path.join(modules, "livellm");
  mkdirSync(path.join(modules, ".bin"), { recursive: true });
  const tarball = path.join(project, await pack(project));
  await must("tar", ["xzf", tarball, "-C", modules]);
  await must("mv", [path.join(modules, "package"), folder]);
  symlinkSync("../livellm/bin/livellm.js", path.join(modules, ".bin/livellm"));
  for (const name of dependenciesOf(folder)) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(path.join(projectRoot, "node_modules", name), path.join(modules, name));
  }
  const listed = await must("tar", ["tzf", tarball]);
  return {
    project,
    folder,
    files: listed
      .trimEnd()
      .split("\n")
      .map((file) => file.replace(/^package\//, "")),
    [Symbol.dispose]: () => rmSync(project, { recursive: true, force: true }),
  };
}

/** What has been built before the tests is packed: to build it anew would take it from under the others. */
async function pack(destination: string): Promise<string> {
  const args = ["pack", "--ignore-scripts", "--silent", "--pack-destination", destination];
  return (await must("npm", args, projectRoot)).trim();
}

function dependenciesOf(folder: string): readonly string[] {
  const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { dependencies: object };
  return Object.keys(manifest.dependencies);
}

async function must(program: string, args: readonly string[], cwd = projectRoot): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, { cwd, timeoutMs: 60_000, env: process.env });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}
