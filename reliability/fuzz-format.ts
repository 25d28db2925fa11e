import { writeFileSync } from "node:fs";
import { say } from "./command-line.ts";
import { startFaultGateway } from "./fault-gateway.ts";
import { fuzzOne } from "./run-fuzz.ts";

export interface FuzzOptions {
  readonly minutes: number;
  readonly seed: number;
}

/** Fuzzes one format in this process and writes what came of it to a file, as JSON. */
export async function fuzzFormat(
  name: string,
  { minutes, seed, result }: FuzzOptions & { readonly result: string },
): Promise<void> {
  await using gateway = await startFaultGateway({ LIVELLM_ATTEMPT_TIMEOUT_MS: "2000" });
  const figures = await fuzzOne(gateway, name, {
    millisecondsEach: minutes * 60_000,
    seed,
    onProgress: (inputs, finds) => say(`${name}: ${inputs} inputs, ${finds} breaks`),
  });
  writeFileSync(result, JSON.stringify(figures));
}
