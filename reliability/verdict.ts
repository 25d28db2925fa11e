/** One row of docs/reliability.md: what was put to the test, and what came of it. */
export interface Finding {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** Prints the rows as docs/reliability.md has them, and a last line that says whether every goal is met. */
export function printFindings(findings: readonly Finding[]): void {
  console.log("\nFor docs/reliability.md:\n");
  for (const finding of findings) console.log(rowOf(finding));
  const open = findings.filter(({ isMet }) => !isMet).length;
  console.log(open === 0 ? "\nEvery goal is met." : `\n${open} of ${findings.length} goals are NOT met.`);
  process.exitCode = open === 0 ? 0 : 1;
}

function rowOf({ what, goal, measured, isMet }: Finding): string {
  return `| ${what} | ${goal} | ${measured} | ${isMet ? "met" : "**not met**"} |`;
}

/** A size as the tables have it. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
