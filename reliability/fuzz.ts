// Feeds readers and doors with what no one would send: `npm run fuzz -- --minutes 10`, so long for each format.
import build from "../test/support/build.ts";
import { numberFlag } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { runFuzz } from "./run-fuzz.ts";

const minutes = numberFlag("minutes", 1);
const seed = numberFlag("seed", 1);
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway({ LIVELLM_ATTEMPT_TIMEOUT_MS: "2000" });
const figures = await runFuzz(gateway, minutes * 60_000, seed);
console.log("| format | inputs | broken by | slowest, ms | gateway's growth, MiB |\n|---|---:|---:|---:|---:|");
for (const { target, inputs, finds, slowestMs, growthBytes } of figures) {
  console.log(
    `| ${target} | ${inputs} | ${finds.length} | ${slowestMs.toFixed(0)} | ${(growthBytes / 2 ** 20).toFixed(0)} |`,
  );
}
for (const { target, finds } of figures) for (const find of finds) console.log(`${target}: ${find}`);
process.exitCode = figures.some(({ finds }) => finds.length > 0) ? 1 : 0;
