// Vendors that never end and clients that mean no good: `node reliability/hostile.ts --gigabytes 2 --connections 10000`.
import build from "../test/support/build.ts";
import { numberFlag, say } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import type { HostileResult } from "./hostile-result.ts";
import { runHostile } from "./run-hostile.ts";
import { oldSurfaces } from "./slow-old-readers.ts";
import { printFindings } from "./verdict.ts";

const pourBytes = numberFlag("gigabytes", 2) * 2 ** 30;
const idleConnections = numberFlag("connections", 10_000);
if (!process.argv.includes("--no-build")) await build();
await using gateway = await startFaultGateway(oldSurfaces);
const onResult = ({ what, came }: HostileResult) => say(`${what}: ${came}`);
const results = await runHostile(gateway, { pourBytes, idleConnections, patienceMs: 75_000, onResult });
printFindings(
  results.map(({ what, came, isBounded }) => ({
    what,
    goal: "refused or bounded, others served",
    measured: came,
    isMet: isBounded,
  })),
);
