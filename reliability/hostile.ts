// Vendors that never end and clients that mean no good: `node reliability/hostile.ts --gigabytes 2 --connections 10000`.
import build from "../test/support/build.ts";
import { numberFlag } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { runHostile } from "./run-hostile.ts";

const pourBytes = numberFlag("gigabytes", 2) * 2 ** 30;
const idleConnections = numberFlag("connections", 10_000);
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway();
const results = await runHostile(gateway, { pourBytes, idleConnections, patienceMs: 75_000 });
console.log("| what | what came of it | bounded |\n|---|---|---|");
for (const { what, came, isBounded } of results) console.log(`| ${what} | ${came} | ${isBounded ? "yes" : "**no**"} |`);
process.exitCode = results.every(({ isBounded }) => isBounded) ? 0 : 1;
