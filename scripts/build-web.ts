import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.join(import.meta.dirname, "..");

/** Where `src/transport/playground.ts` looks for the page. */
const webFolder: string = path.join(root, "dist/web");

/** Bundles the page of `web/` into a folder. */
export async function buildWeb(folder: string = webFolder): Promise<void> {
  await build({
    entryPoints: ["index.html", "style.css", "main.ts", "microphone-worklet.ts"].map((file) =>
      path.join(root, "web", file),
    ),
    outdir: folder,
    bundle: true,
    format: "esm",
    target: "es2023",
    minify: true,
    loader: { ".html": "copy" },
    logLevel: "warning",
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildWeb();
