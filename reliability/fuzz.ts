// Feeds readers and doors with what no one would send: `npm run fuzz -- --minutes 10`, so long for each format. All formats
// at a time, each in a process with a gateway of its own; `--only sse` takes one of them.
import build from "../test/support/build.ts";
import { numberFlag, textFlag } from "./command-line.ts";
import { fuzzFormat } from "./fuzz-format.ts";
import { fuzzFormats } from "./fuzz-formats.ts";
import { fuzzNames } from "./fuzz-targets.ts";
import { mebibytes, printFindings } from "./verdict.ts";

/** What a gateway may hold of the inputs of one format, over what it held before. */
const heldBytes = 512 * 2 ** 20;

const minutes = numberFlag("minutes", 1);
const seed = numberFlag("seed", 1);
const only = textFlag("only");
const result = textFlag("result");
if (!process.argv.includes("--no-build")) await build();
if (only !== undefined && result !== undefined) await fuzzFormat(only, { minutes, seed, result });
else await fuzzAll();

async function fuzzAll(): Promise<void> {
  const figures = await fuzzFormats(only === undefined ? fuzzNames : [only], { minutes, seed });
  for (const { target, finds } of figures) for (const find of finds) console.log(`${target}: ${find}`);
  printFindings(
    figures.map(({ target, inputs, finds, slowestMs, growthBytes }) => ({
      what: `fuzz, ${minutes} minutes: ${target}`,
      goal: "nothing breaks, hangs or grows",
      measured: `${inputs} inputs, ${finds.length} breaks, slowest ${slowestMs.toFixed(0)} ms, at most ${mebibytes(growthBytes)} more`,
      isMet: inputs > 0 && finds.length === 0 && growthBytes < heldBytes,
    })),
  );
}
