import type { FaultResult } from "./run-chat-faults.ts";

const columns = [
  "the answer",
  "the next target's answer",
  "a true error",
  "an untruth",
  "a silent truncation",
] as const;

/** The results, a line for each fault, as Markdown. */
export function faultTable(results: readonly FaultResult[]): string {
  const faults = [...new Set(results.map(({ fault }) => fault))].toSorted();
  const lines = faults.map((fault) => {
    const own = results.filter((result) => result.fault === fault);
    const counts = columns.map((told) => own.filter(({ verdict }) => verdict.told === told).length);
    return `| ${fault} | ${[own.length, ...counts].join(" | ")} |`;
  });
  return [`| fault | injected | ${columns.join(" | ")} |`, `|---|${"---:|".repeat(columns.length + 1)}`, ...lines].join(
    "\n",
  );
}

/** The cases in which the caller was told what is not so, each with its name. */
export function lies(results: readonly FaultResult[]): readonly string[] {
  return results.flatMap(({ name, verdict }) => ("why" in verdict ? [`${verdict.told}: ${name}: ${verdict.why}`] : []));
}

/** How many were told this. */
export function countOf(results: readonly FaultResult[], told: FaultResult["verdict"]["told"]): number {
  return results.filter(({ verdict }) => verdict.told === told).length;
}
